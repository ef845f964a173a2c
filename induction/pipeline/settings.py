"""All of params.yaml, checked as a whole."""

from typing import Any

from induction.claims.registry import check_rules
from induction.config.params import Params
from induction.config.strict import parse
from induction.config.study import Study


def read_study() -> Study:
    """The settings of the project. Raises StageError for the first fault."""
    return study_of(Params().all())


def study_of(values: dict[str, Any]) -> Study:
    """The same from the values of a params.yaml."""
    study = parse(Study, values, "")
    check_rules(study.claims)
    return study

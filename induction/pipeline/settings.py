"""All of params.yaml, checked as a whole."""

from pathlib import Path
from typing import Any

from induction.claims.registry import check_rules
from induction.config.errors import StageError
from induction.config.params import Params
from induction.config.params_yaml import PARAMS
from induction.config.strict import parse
from induction.config.study import Study


def read_study(path: Path = PARAMS) -> Study:
    """The settings of the project, or of another file. Raises StageError for the first fault."""
    return study_of(Params(path).all(), str(path))


def read_published() -> Study:
    """The same, for what needs the published run. Raises StageError if params.yaml has none."""
    study = read_study()
    if not study.published:
        raise StageError(
            "params.yaml: published: found no cells, expected those that the published run adds; "
            "add some, or leave --published away"
        )
    return study


def study_of(values: dict[str, Any], file: str = str(PARAMS)) -> Study:
    """The same from the values of a params.yaml."""
    study = parse(Study, values, "", file)
    check_rules(study.claims)
    return study

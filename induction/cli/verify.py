"""Check files against dvc.lock, params.yaml and the code."""

import sys

import click

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.remedy import address
from induction.pipeline import checks, plan
from induction.pipeline.progress import progress
from induction.pipeline.settings import study_of
from induction.pipeline.verify import Verification, stages_here


@click.command
def command() -> None:
    """Check files against dvc.lock, params.yaml and the code: hashes, provenance, schemas, row
    counts, keys, NaN, checkpoints that should differ.

    Prints a line per stage, and every problem with its remedy. Exit status: 0 if there is none.
    """
    params = Params()
    study = study_of(params.all())
    if outdated := plan.outdated(study):
        names = ", ".join(map(str, outdated))
        raise StageError(f"{names}: found other stages than params.yaml asks for; run `make plan`")
    here, absent = stages_here(study)
    verification = Verification(study, params)
    problems = {
        stage.label: verification.problems(stage) for stage in progress(here, "verify", "stage")
    }
    problems["other files"] = list(checks.strays(here + absent))
    for label, lines in problems.items():
        print("\n     ".join([f"{'BAD ' if lines else 'ok  '} {label}", *lines]))
    labels = [stage.label for stage in absent]
    of_study = sorted(label for label in labels if address(label) == label)
    if of_study:
        print(f"not here (`dvc pull` or `make study` brings it): {', '.join(of_study)}")
    if len(labels) > len(of_study):
        count = len(labels) - len(of_study)
        print(f"not here (`make {PUBLISHED}` brings it): {count} stages of the published run")
    count = sum(map(len, problems.values()))
    print(f"{len(here)} stages checked, {count or 'no'} problem{'s' * (count != 1)}")
    sys.exit(1 if count else 0)

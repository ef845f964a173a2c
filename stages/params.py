"""All of params.yaml is checked before anything runs, and dvc.yaml against it."""

from induction.config.errors import StageError
from induction.config.paths import DATA
from induction.pipeline import plan
from induction.pipeline.job import Job, run
from induction.pipeline.settings import study_of


def main(job: Job) -> None:
    study = study_of(job.params.all())
    outdated = ", ".join(map(str, plan.outdated(study)))
    if outdated:
        raise StageError(
            f"{outdated}: does not match params.yaml and the imports in stages/; run `make plan`, "
            "or `make study`, which begins with it"
        )
    # Always the same bytes: what follows reruns for its own params, not for this check.
    with job.output(DATA / "params" / "checked") as path:
        path.write_text("params.yaml was checked\n")


if __name__ == "__main__":
    run(main, "params", __doc__)

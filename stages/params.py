"""All of params.yaml is checked before anything runs, and dvc.yaml against it."""

from stages import plan
from stages.files.job import Job, run
from stages.files.stage import DATA, StageError
from stages.settings.strict import parse
from stages.settings.study import Study


def main(job: Job) -> None:
    study = parse(Study, job.params.all(), "")
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

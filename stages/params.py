"""All of params.yaml is checked before anything runs, and dvc.yaml against it."""

from stages import plan
from stages.files.params import Params
from stages.files.stage import DATA, StageError, output, run
from stages.settings.strict import parse
from stages.settings.study import Study


def main() -> None:
    study = parse(Study, Params().all(), "")
    if plan.DVC.read_text(encoding="utf-8") != plan.text(list(study.cells)):
        raise StageError(
            "dvc.yaml: does not match params.yaml and the imports in stages/; run `make plan`, or "
            "`make study`, which begins with it"
        )
    # Always the same bytes: what follows reruns for its own params, not for this check.
    with output(DATA / "params" / "checked") as path:
        path.write_text("params.yaml was checked\n")


if __name__ == "__main__":
    run(main, "params", __doc__, per_cell=False)

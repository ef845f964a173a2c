"""Check params.yaml and dvc.yaml, and write a digest of the code of every stage"""

from induction.config.errors import StageError
from induction.pipeline import code_digests, plan
from induction.pipeline.artifacts import DIGESTS, PARAMS_FILE, SOURCES
from induction.pipeline.declarations import stages
from induction.pipeline.job import Job, run
from induction.pipeline.settings import study_of

PER = ""
INPUTS = (PARAMS_FILE, *SOURCES)
OUTPUTS = (DIGESTS,)
PARAMS = ()


def main(job: Job) -> None:
    outdated = plan.outdated(study_of(job.params.all()))
    if outdated:
        raise StageError(
            f"{', '.join(map(str, outdated))}: found other stages than params.yaml and stages/ ask "
            "for; run `make plan`, or `make study`, which begins with it"
        )
    digests = {
        name: code_digests.combine(code_digests.digests(code_digests.files(name)))
        for name in stages()
    }
    with job.outputs() as outputs:
        folder = outputs.path(DIGESTS)
        for name, digest in digests.items():
            (folder / name).write_text(f"{digest}\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)

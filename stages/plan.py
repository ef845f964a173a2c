"""Check params.yaml and dvc.yaml, and write digests of code and the versions of text packages"""

import json

from induction.config.errors import StageError
from induction.pipeline import code_digests, corpus_text, plan
from induction.pipeline.artifacts import DIGESTS, PARAMS_FILE, PINS, SOURCES
from induction.pipeline.declarations import stages
from induction.pipeline.job import Job, run
from induction.pipeline.settings import study_of
from induction.text.packages import pinned

PER = ""
INPUTS = (PARAMS_FILE, PINS, *SOURCES)
OUTPUTS = (DIGESTS,)
PARAMS = ()


def main(job: Job) -> None:
    study = study_of(job.params.all())
    outdated = plan.outdated(study)
    if outdated:
        raise StageError(
            f"{', '.join(map(str, outdated))}: found other stages than params.yaml and stages/ ask "
            "for; run `make plan`, or `make study`, which begins with it"
        )
    corpus_text.check(study, study.cells)
    digests = {
        name: code_digests.combine(code_digests.digests(code_digests.files(name)))
        for name in stages()
    }
    with job.outputs() as outputs:
        folder = outputs.path(DIGESTS)
        for name, digest in digests.items():
            (folder / name).write_text(f"{digest}\n", encoding="utf-8")
        versions = json.dumps(pinned(corpus_text.packages(study)), indent=2)
        (folder / corpus_text.versions_file().name).write_text(f"{versions}\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)

"""Whether everything on disk is what it says it is, and what dvc.lock, params.yaml and the code
say: hashes, provenance, schemas, row counts, keys, NaN, checkpoints that should differ.

Prints a line per stage, and every problem with its remedy. Exit status: 0 if there is none.
"""

import argparse
import sys
from pathlib import Path

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.paths import DATA
from induction.config.remedy import address
from induction.config.study import Study
from induction.pipeline import audit, code_digests, plan
from induction.pipeline.dvc_lock import hashes, lock_of, read_locks
from induction.pipeline.plan import Expanded
from induction.pipeline.progress import progress
from induction.pipeline.row_counts import row_count
from induction.pipeline.settings import study_of
from induction.tables.catalog import CATALOG
from induction.tables.duck import Source
from induction.tables.provenance import Provenance, hash_params, versions


class Verification:
    """The study on disk, stage by stage."""

    def __init__(self, study: Study, params: Params):
        self.study, self.params = study, params
        self.locked = read_locks()
        self.outs = {p: h for own in self.locked.values() for p, h in hashes(own, "outs").items()}
        self.documents: dict[str, int] = {}
        self.code: dict[str, str] = {}

    def problems(self, stage: Expanded) -> list[str]:
        """All that is wrong with what a stage made."""
        found: list[str] = []
        for check in self._checks(stage):
            try:
                # One by one: what a check found before it failed is kept.
                for problem in check:
                    found.append(problem)
            except StageError as error:
                found.append(str(error))
            except OSError as error:
                found.append(f"{error.filename}: {error.strerror}; give read access to it")
        return found

    def _checks(self, stage: Expanded) -> audit.Problems:
        def wanted(without: tuple[str, ...]) -> Provenance:
            read = hash_params(self.params.values(stage.params), without)
            made_by = self._code(stage.name)
            return Provenance(stage.name, stage.cell, made_by, read, versions(), "", "")

        if stage.label in self.locked:
            yield audit.check_lock(stage, self.locked[stage.label], self.params, self.outs)
        else:
            again = f"run `dvc repro {address(stage.label)}`"
            yield iter([f"{lock_of(stage.label)}: does not know it; {again}"])
        if stage.name == "corpus":
            yield self._corpus(stage.cell, wanted)
        if stage.name == "train":
            yield audit.check_checkpoints(stage.cell, self.study, wanted(()))
        if stage.name == "report":
            yield audit.check_report(stage.cell, wanted(()))
        for entry in CATALOG:
            if entry.stage == stage.name:
                path = DATA / entry.path.format(**{entry.per: stage.cell})
                rows = row_count(self.study, entry.table.name, stage.cell, self.documents)
                source = Source(path, stage.label)
                yield audit.check_table(entry.table, source, wanted(entry.table.without), rows)

    def _code(self, name: str) -> str:
        if name not in self.code:
            self.code[name] = code_digests.combine(code_digests.digests(code_digests.files(name)))
        return self.code[name]

    def _corpus(self, corpus: str, wanted: audit.Wanted) -> audit.Problems:
        manifest = audit.read_manifest(corpus)
        self.documents[corpus] = manifest["documents_used"]
        vocab_size = self.study.corpus.vocab_size
        yield from audit.check_corpus(corpus, manifest, vocab_size, wanted)


def main() -> None:
    argparse.ArgumentParser(prog="python -m induction.cli.verify", description=__doc__).parse_args()
    try:
        params = Params()
        study = study_of(params.all())
        if plan.outdated(study):
            named = ", ".join(map(str, plan.outdated(study)))
            raise StageError(f"{named}: does not match params.yaml and stages/; run `make plan`")
        stages, verification = plan.expanded(study), Verification(study, params)
        here = [stage for stage in stages if any(Path(out).exists() for out in stage.outs)]
        if not here:
            raise StageError("data/: nothing is here to check; run `dvc pull` or `make study`")
        found = {
            stage.label: verification.problems(stage) for stage in progress(here, "verify", "stage")
        }
    except StageError as error:
        sys.exit(f"error: {error}")
    found["other files"] = list(audit.strays(stages))
    for label, problems in found.items():
        print("\n     ".join([f"{'BAD ' if problems else 'ok  '} {label}", *problems]))
    absent = {stage.label for stage in stages if stage not in here}
    extra = {label for label in absent if address(label) != label}
    if absent - extra:
        own = ", ".join(sorted(absent - extra))
        print(f"not here (`dvc pull` or `make study` brings it): {own}")
    if extra:
        print(f"not here (`make {PUBLISHED}` brings it): {len(extra)} stages of the published run")
    count = sum(map(len, found.values()))
    print(f"{len(here)} stages checked, {count or 'no'} problem{'s' * (count != 1)}")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()

"""Check the files on disk against dvc.lock, params.yaml and the code.

Hashes, provenance, schemas, row counts, keys, NaN, and checkpoints that should differ.
"""

from collections.abc import Iterator
from pathlib import Path

from induction.config.errors import StageError
from induction.config.params import Params
from induction.config.paths import DATA
from induction.config.remedy import address
from induction.config.study import Study
from induction.pipeline import checks, code_digests, corpus_text, layout, plan
from induction.pipeline.artifacts import TEXT
from induction.pipeline.declarations import stages
from induction.pipeline.dvc_lock import hashes, lock_of, read_locks
from induction.pipeline.plan import Expanded
from induction.pipeline.row_counts import row_count
from induction.tables.provenance import Provenance, hash_params, versions
from induction.text import sources


class Verification:
    """The study on disk, stage by stage."""

    def __init__(self, study: Study, params: Params):
        self.study, self.params = study, params
        self.locked = read_locks()
        self.outs = {
            path: digest
            for entry in self.locked.values()
            for path, digest in hashes(entry, "outs").items()
        }
        self.documents: dict[str, int] = {}
        self.code: dict[str, str] = {}
        self.texts: dict[str, str] = {}

    def problems(self, stage: Expanded) -> list[str]:
        """All that is wrong with what a stage made."""
        problems: list[str] = []
        for check in self._checks(stage):
            try:
                # One by one: what a check reports before it fails is kept.
                for problem in check:
                    problems.append(problem)
            except StageError as error:
                problems.append(str(error))
            except OSError as error:
                problems.append(f"{error.filename}: {error.strerror}; give read access to it")
        return list(dict.fromkeys(problems))

    def _checks(self, stage: Expanded) -> Iterator[checks.Problems]:
        def expected(without: tuple[str, ...]) -> Provenance:
            read = hash_params(self.params.values(stage.params), without)
            code = self._code(stage.name)
            text = self._text(stage)
            return Provenance(stage.name, stage.instance, code, read, text, versions(), "", "")

        if stage.label in self.locked:
            yield checks.check_lock(stage, self.locked[stage.label], self.params, self.outs)
        else:
            again = f"run `dvc repro {address(stage.label)}`"
            yield iter([f"{lock_of(stage.label)}: lacks {stage.label}; {again}"])
        if stage.name == "corpus":
            yield self._corpus(stage.instance, expected)
        if stage.name == "train":
            yield checks.check_checkpoints(stage.instance, self.study, expected(()))
        if stage.name == "report":
            yield checks.check_report(stage.instance, expected(()))
        for table in stages()[stage.name].tables:
            rows = row_count(self.study, table.name, stage.instance, self.documents)
            source = layout.source_of(table, stage.instance)
            yield checks.check_table(table, source, expected(table.without), rows)

    def _code(self, name: str) -> str:
        if name not in self.code:
            digests = code_digests.digests(code_digests.files(name))
            self.code[name] = code_digests.combine(digests)
        return self.code[name]

    def _text(self, stage: Expanded) -> str:
        """sha256 of the text that a stage reads, as it is now; empty for those that read none."""
        if TEXT not in stages()[stage.name].inputs:
            return ""
        corpus = stage.instance
        if corpus not in self.texts:
            settings = corpus_text.settings_of(self.study, corpus)
            self.texts[corpus] = sources.digest(settings, checks.hidden)
        return self.texts[corpus]

    def _corpus(self, corpus: str, expected: checks.Expected) -> checks.Problems:
        manifest = checks.read_manifest(corpus)
        self.documents[corpus] = manifest["documents_used"]
        vocab_size, is_suite = self.study.corpus.vocab_size, corpus in self.study.suites
        yield from checks.check_corpus(corpus, manifest, vocab_size, is_suite, expected)


def stages_here(study: Study) -> tuple[list[Expanded], list[Expanded]]:
    """The stages of which something lies in data/, and the others.

    A report alone, which Git brings, is not checked: it may have been made elsewhere.
    """
    every = plan.expanded(study)
    here = [stage for stage in every if _is_here(stage)]
    if not here:
        raise StageError(f"{DATA}/: nothing is here to check; run `dvc pull` or `make study`")
    return here, [stage for stage in every if stage not in here]


def _is_here(stage: Expanded) -> bool:
    outs = [out for out in stage.outs if out.startswith(f"{DATA}/")]
    if outs:
        return any(Path(out).exists() for out in outs)
    return all(Path(dep).exists() for dep in stage.deps)

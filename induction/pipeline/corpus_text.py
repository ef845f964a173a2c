"""The text of the corpora as an input: where DVC sees it, whether it is there, what it is."""

from collections.abc import Collection, Iterable
from pathlib import Path

from induction.config.corpus import CorpusSettings
from induction.config.errors import StageError
from induction.config.study import Study
from induction.pipeline.code_digests import planned_folder
from induction.pipeline.environment import DVC, run
from induction.text import files, sources


def settings_of(study: Study, corpus: str) -> CorpusSettings:
    """The settings of the study's own corpus (without a name), of one of `corpora`, or of that of a
    suite."""
    if corpus in study.suites:
        corpus = study.suites[corpus].corpus
    if not corpus:
        return study.corpus
    return study.corpus.changed(study.corpora[corpus], f"corpora.{corpus}")


def dependency(settings: CorpusSettings) -> Path:
    """What DVC hashes of the text: a folder, a file, or the versions that stage `plan` wrote.

    The commit of a hub's dataset is one of the params, which DVC watches in any case.
    """
    return files.watched(settings.files) if settings.source == "files" else versions_file()


def versions_file() -> Path:
    """Where stage `plan` writes the pinned versions of the packages whose sources are text."""
    return planned_folder() / "text_packages"


def packages(study: Study) -> set[str]:
    """The packages whose sources are the text of some corpus."""
    corpora = [settings_of(study, corpus) for corpus in ("", *study.corpora)]
    are_packages = ("packages", "docstrings")
    return {name for each in corpora if each.source in are_packages for name in each.packages}


def check(study: Study, cells: Iterable[str]) -> None:
    """Raise StageError unless the texts of these cells, and the study's own, are there, in a form
    of which DVC sees every change."""
    corpora = {"", *(study.every_cell[cell].corpus_instance for cell in cells)}
    for corpus in sorted(corpora):
        sources.check(settings_of(study, corpus))


def digest(settings: CorpusSettings) -> str:
    """sha256 of the text as it is now."""
    return sources.digest(settings, hidden)


def hidden(paths: Collection[Path]) -> list[Path]:
    """Those of the paths that .dvcignore hides from DVC, which would not notice their changes."""
    if not paths:
        return []
    names = [path.as_posix() for path in paths if path.as_posix().isprintable()]
    command = [*DVC, "check-ignore", "--stdin"]
    done = run(command, input="\n".join(names), capture_output=True, text=True)
    if done.returncode not in (0, 1):
        detail = " ".join(done.stderr.split())
        raise StageError(f"`dvc check-ignore` failed ({detail}); mend what it names")
    return [Path(name) for name in done.stdout.splitlines()]

"""One run of one stage: its params, its provenance, its outputs, its errors."""

import argparse
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from induction import STARTED
from induction.config.errors import StageError
from induction.config.names import A_SLUG, PUBLISHED, SLUG
from induction.config.params import PARAMS, Params
from induction.config.paths import SCRATCH
from induction.pipeline import cells, code_digests
from induction.pipeline.locks import exclusive
from induction.tables.atomic import (
    remove,
)
from induction.tables.contract import TableError
from induction.tables.provenance import Provenance, hash_params, versions

PER = {
    "cell": "a name from `cells` or `published` in params.yaml",
    "corpus": "a name from `corpora` in params.yaml; without it, the corpus of the study",
    "grid": f"{PUBLISHED!r}: the cells of the published run; without it, the study's",
}
OPTIONAL = ("corpus", "grid")


class Job:
    """A stage at work, for one cell, corpus or grid; `cell` names it.

    Empty, that is the corpus or the grid of the default study.
    """

    def __init__(self, stage: str, cell: str = ""):
        self.stage, self.cell = stage, cell
        self.params = Params()
        self.device, self.dtype = "cpu", "float32"
        self._code = code_digests.digests(code_digests.files(stage))
        young = [path for path in self._code if Path(path).stat().st_mtime > STARTED]
        if young:
            raise StageError(
                f"{', '.join(young)}: changed while this stage was starting; run it again"
            )

    @property
    def label(self) -> str:
        return cells.label(self.stage, self.cell)

    @property
    def provenance(self) -> Provenance:
        """Of an artifact made now: ask for it after the params were read."""
        return self.provenance_without(())

    def provenance_without(self, keys: tuple[str, ...]) -> Provenance:
        """Of an artifact about which these params do not decide, though the stage reads them.

        Without it, a longer evaluation set would be a reason to train again.
        """
        return Provenance(
            self.stage,
            self.cell,
            code_digests.combine(self._code),
            hash_params(self.params.values(self.params.keys_read), keys),
            versions(),
            self.device,
            self.dtype,
        )

    @contextmanager
    def output(self, path: Path) -> Iterator[Path]:
        """A scratch path that becomes `path` when the block ends, and vanishes if it fails.

        The move is one rename inside one file system, so `path` is either whole or not there.
        Raises StageError, and publishes nothing, if code or params changed in the meantime: DVC
        looks at both only when the stage has ended, and would credit the new with this output.
        """
        partial = SCRATCH / "partial" / path
        remove(partial)
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            self._check_unchanged()
            _publish(partial, path)
        finally:
            remove(partial)

    @contextmanager
    def outputs(self, folder: Path) -> Iterator[Path]:
        """A scratch folder whose entries become those of `folder`, each as `output` does it.

        Entries of `folder` that the block does not make stay: those of another grid or corpus.
        """
        partial = SCRATCH / "partial" / folder
        remove(partial)
        partial.mkdir(parents=True)
        try:
            yield partial
            self._check_unchanged()
            for entry in sorted(partial.iterdir()):
                _publish(entry, folder / entry.name)
        finally:
            remove(partial)

    def _check_unchanged(self) -> None:
        now = code_digests.digests([Path(path) for path in self._code if Path(path).exists()])
        changed = {path for path, _ in now.items() ^ self._code.items()}
        keys = self.params.keys_read
        if self.params.values(keys) != Params().values(keys):
            changed.add(str(PARAMS))
        if changed:
            raise StageError(
                f"{', '.join(sorted(changed))}: changed while this stage ran, so its output is "
                "not what the present code and params make; nothing was published, and what "
                "training has done so far is kept. Undo the change and run `make study` to finish "
                "from there, or keep it and run `make study` to make this stage anew"
            )


def _publish(partial: Path, path: Path) -> None:
    """Put `partial` in the place of `path`, by renames."""
    replaced = partial.with_name(f"{partial.name}.replaced")
    remove(replaced)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if path.exists():
            # Removed where it stands, a folder would for a moment be neither old nor new.
            os.replace(path, replaced)
        os.replace(partial, path)
    except OSError:
        if replaced.exists() and not path.exists():
            os.replace(replaced, path)
        raise
    finally:
        remove(replaced)


def run(stage: Callable[[Job], None], name: str, about: str, per: str = "") -> None:
    """Run `stage` as a command, once `per` cell, corpus or grid: then it has an option for that.

    Of corpora and grids, the default study's have no name.

    Exit status: 0 done, 1 with one line on standard error for what a user can mend, 130 for
    Ctrl-C. Anything else is a bug of ours and keeps its traceback.
    """
    parser = argparse.ArgumentParser(prog=f"python -m stages.{name}", description=about)
    if per:
        own = {"default": ""} if per in OPTIONAL else {"required": True}
        parser.add_argument(f"--{per}", help=PER[per], **own)
    cell = vars(parser.parse_args()).get(per, "")
    label = cells.label(name, cell)
    try:
        start = time.perf_counter()
        if cell != "" and not SLUG.fullmatch(cell):
            raise StageError(f"--{per}: found {cell!r}, expected {A_SLUG}")
        with exclusive(label):
            stage(Job(name, cell))
        _note_time(name, label, time.perf_counter() - start)
    except StageError as error:
        sys.exit(f"error: {label}: {error}")
    except TableError as error:
        sys.exit(
            f"error: {label}: {error}; nothing was published. An input is damaged (see "
            "`python -m induction.cli.verify`), or this is a bug"
        )
    except KeyboardInterrupt:
        print(
            f"\nerror: {label}: interrupted; nothing of it was published, "
            "`make study` goes on from here",
            file=sys.stderr,
        )
        sys.exit(130)
    except OSError as error:
        sys.exit(
            f"error: {label}: {error.filename or 'a file'}: "
            f"{os.strerror(error.errno) if error.errno else error}; nothing was published; "
            f"{_remedy(error.errno)}, then run `make study` again"
        )


def _remedy(number: int | None) -> str:
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free space"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "give write access to the project's folder"
    return "put the file or its disk right"


def _note_time(name: str, label: str, seconds: float) -> None:
    print(f"{label}: {seconds:.1f} s", file=sys.stderr)
    folder = SCRATCH / "times"
    folder.mkdir(parents=True, exist_ok=True)
    record = json.dumps({"stage": name, "seconds": seconds})
    (folder / f"{label}.json").write_text(record, encoding="utf-8")

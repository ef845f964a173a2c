"""What every stage does around its work: arguments, one-line errors, whole outputs, wall time."""

import argparse
import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from stages.settings.strict import ParamsError

DATA = Path("data")
SCRATCH = Path(".scratch")


class StageError(Exception):
    """A failure the user can act on: its text names the file, what is wrong, and the remedy."""


@contextmanager
def output(path: Path) -> Iterator[Path]:
    """A scratch path that becomes `path` when the block ends, and vanishes if it fails.

    The move is one rename inside one file system, so `path` is either whole or not there.
    """
    scratch = SCRATCH / "partial" / path
    _remove(scratch)
    scratch.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield scratch
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(path)
        os.replace(scratch, path)
    finally:
        _remove(scratch)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def progress(items: Iterable, what: str, unit: str, total: int | None = None) -> tqdm:
    """A bar with rate and ETA on a terminal; in a log, the same every half minute."""
    live = sys.stderr.isatty()
    return tqdm(
        items,
        desc=what,
        unit=unit,
        total=total,
        unit_scale=unit == "tok",
        mininterval=0.2 if live else 30.0,
        delay=0.0 if live else 5.0,
        leave=False,
        dynamic_ncols=live,
        file=sys.stderr,
    )


def run(stage: Callable[..., None], name: str, about: str, per_cell: bool) -> None:
    """Run `stage` as a command: `stage(cell)` for a stage per cell, else `stage()`.

    Exit status: 0 done, 1 with one line on standard error for what a user can mend, 130 for
    Ctrl-C. Anything else is a bug of ours and keeps its traceback.
    """
    parser = argparse.ArgumentParser(prog=f"python -m stages.{name}", description=about)
    if per_cell:
        parser.add_argument("--cell", required=True, help="a name from `cells` in params.yaml")
    cell = vars(parser.parse_args()).get("cell")
    label = f"{name}@{cell}" if cell else name
    try:
        start = time.perf_counter()
        stage(cell) if per_cell else stage()
        _note_time(name, label, time.perf_counter() - start)
    except (ParamsError, StageError) as error:
        sys.exit(f"error: {label}: {error}")
    except KeyboardInterrupt:
        print(
            f"\nerror: {label}: interrupted; nothing of it was published, "
            "`make study` goes on from here",
            file=sys.stderr,
        )
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        sys.exit(
            f"error: {label}: {error.filename or 'a file'}: {os.strerror(error.errno)}; nothing "
            "was published; free space or give write access, then run `make study` again"
        )


def _note_time(name: str, label: str, seconds: float) -> None:
    print(f"{label}: {seconds:.1f} s", file=sys.stderr)
    folder = SCRATCH / "times"
    folder.mkdir(parents=True, exist_ok=True)
    record = json.dumps({"stage": name, "seconds": seconds})
    (folder / f"{label}.json").write_text(record, encoding="utf-8")

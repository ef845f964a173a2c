"""Whether outputs can be put in their place by a rename, which works within one disk only."""

from pathlib import Path

from induction.config.errors import StageError
from induction.config.paths import DATA, REPORTS, SCRATCH


def check_one_disk() -> None:
    """Raise StageError, with the remedy, if a folder of outputs is not on the disk of .scratch."""
    disk = next(path for path in (SCRATCH, Path()) if path.exists()).stat().st_dev
    for folder in (DATA, *sorted(DATA.glob("*")), REPORTS, *sorted(REPORTS.glob("*"))):
        if folder.is_dir() and folder.stat().st_dev != disk:
            raise StageError(
                f"{folder}: found on another disk ({folder.resolve()}) than {SCRATCH.resolve()}, "
                "where outputs are made before a rename puts them in place, expected one disk; put "
                "the files back, and move the whole project to that disk or only .dvc/cache (`dvc "
                "cache dir --local <folder there>`, `dvc config --local cache.type symlink`)"
            )

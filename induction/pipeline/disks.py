"""Whether outputs can be put in their place: by a rename, within one disk, where DVC sees them."""

from pathlib import Path

from induction.config.errors import StageError
from induction.config.paths import DATA, REPORTS, SCRATCH

REMEDY = (
    "put the files back, and move the whole project to that disk or only .dvc/cache (`dvc cache "
    "dir --local <folder there>`, `dvc config --local cache.type symlink`)"
)


def check_one_disk() -> None:
    """Raise StageError, with the remedy, if a folder of outputs is a link out of the project or is
    not on the disk of .scratch."""
    project = Path.cwd().resolve()
    disk = next(path for path in (SCRATCH, Path()) if path.exists()).stat().st_dev
    for folder in (DATA, *sorted(DATA.glob("*")), REPORTS, *sorted(REPORTS.glob("*"))):
        place = folder.resolve()
        if not place.is_relative_to(project):
            raise StageError(
                f"{folder}: found a link out of the project ({place}), where DVC takes no output, "
                f"expected a folder; {REMEDY}"
            )
        if folder.is_dir() and folder.stat().st_dev != disk:
            raise StageError(
                f"{folder}: found on another disk than {SCRATCH.resolve()}, where outputs are made "
                f"before a rename puts them in place, expected one disk; {REMEDY}"
            )

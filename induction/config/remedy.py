"""What error messages name as the remedy: commands that make a file again, and space or access."""

import errno
from pathlib import Path

from induction.config.errors import StageError
from induction.config.names import PUBLISHED, SUITES
from induction.config.params_yaml import read_yaml


def address(label: str) -> str:
    """How DVC addresses the stage `label` (a name or name@instance): with the file it is in."""
    instance = label.partition("@")[2]
    try:
        params = read_yaml()
        suites = {name: cell["suite"] for name, cell in params["cells"].items() if "suite" in cell}
        extra = {PUBLISHED, *params["published"], *params["corpora"]}
    except (StageError, LookupError, AttributeError, TypeError):
        # An error message is being written; a broken params.yaml must not replace it by its own.
        return label
    if instance in (suites.values() if label.startswith("corpus@") else suites):
        return f"{SUITES}/dvc.yaml:{label}"
    return f"{PUBLISHED}/dvc.yaml:{label}" if instance in extra else label


def corpus_in(folder: Path) -> str:
    """The label of the stage that makes the corpus in `folder`."""
    return f"corpus@{folder.name}" if folder.parent.name == "corpus" else "corpus"


def make(label: str) -> str:
    """The remedy for a missing file of the stage `label`."""
    return f"make it with `dvc repro {address(label)}` or `dvc pull`"


def rebuild(label: str) -> str:
    """The remedy for a damaged file of the stage `label`."""
    return f"rebuild it with `dvc repro --force --single-item {address(label)}`"


def put_right(number: int | None) -> str:
    """The remedy for an error of the system, by its number."""
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free space"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "give write access to the project's folder"
    if number == errno.EXDEV:
        return "put data, reports and .scratch on one disk"
    return "put the file or its disk right"

"""Text from installed packages: their Python sources, of the versions that constraints.txt pins.

DVC cannot watch what is installed, whose path differs from machine to machine. It watches the pins,
and what is installed must be what they say.
"""

import csv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from induction.config.errors import StageError, visible
from induction.text.documents import Document, docstrings
from induction.text.files import name_of
from induction.text.left_out import LeftOut, Reason
from induction.text.records import Documents, whole

PINS = Path("constraints.txt")
KEY = "params.yaml: corpus.packages"


def pinned(packages: Iterable[str]) -> dict[str, str]:
    """The version that constraints.txt pins of each package; those it does not pin are left out.

    Raises StageError if there is no such file.
    """
    try:
        lines = PINS.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StageError(
            f"{PINS}: not readable ({error}); bring it back with `git checkout {PINS}`, or write "
            "it anew with `make lock`"
        ) from None
    pins = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # comments, options and blank lines
        version = str(requirement.specifier)
        if version.startswith("=="):
            pins[canonicalize_name(requirement.name)] = version.removeprefix("==")
    names = {package: canonicalize_name(package) for package in sorted(set(packages))}
    return {package: pins[name] for package, name in names.items() if name in pins}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of each package, pinned and installed.

    Raises StageError if one is not installed, not pinned, or installed in another version: the
    text would then be another than the one that DVC knows of.
    """
    packages = sorted(set(packages))
    pins = pinned(packages)
    for package in packages:
        try:
            installed = metadata.version(package).split("+")[0]
        except metadata.PackageNotFoundError:
            raise StageError(
                f"{KEY}: found {package!r}, which is not installed; install it and pin it "
                f"with `make lock`, or remove it"
            ) from None
        if package not in pins:
            raise StageError(
                f"{KEY}: found {package!r}, which {PINS} does not pin, so that its text "
                f"could change unnoticed; pin the installed version {installed} with `make lock`"
            )
        if pins[package] != installed:
            raise StageError(
                f"{KEY}: found {package!r} {installed} installed, but {PINS} pins "
                f"{pins[package]}; install that with `pip install {package}=={pins[package]}`, or "
                f"pin {installed} in {PINS} and, if it is named there, in pyproject.toml"
            )
    return pins


def documents_of(
    package: str, exclude_names: tuple[str, ...], only_docstrings: bool, left_out: LeftOut
) -> Documents:
    """The Python sources of an installed package, or their docstrings.

    Raises StageError if the package is not installed, or has no list of its files.
    """
    remedy = "install it (and pin it in pyproject.toml) or remove it"
    try:
        files = metadata.files(package)
    except metadata.PackageNotFoundError:
        files = None
    except (csv.Error, TypeError, ValueError) as error:
        raise StageError(
            f"{KEY}: found {package!r}, whose list of files is unreadable "
            f"({visible(str(error), 100)}); {remedy}"
        ) from None
    if files is None:
        raise StageError(
            f"{KEY}: found {package!r}, expected an installed package with a list of files; "
            f"{remedy}"
        )
    for file in files:
        if file.suffix != ".py" or ".." in file.parts or file.is_absolute():
            continue
        name = name_of(file)
        if file.name in exclude_names:
            left_out.add(Reason.EXCLUDED, name)
            continue
        text = whole(Path(file.locate()), name, left_out)
        if text is not None and only_docstrings:
            try:
                text = docstrings(text)
            except (SyntaxError, ValueError):
                left_out.add(Reason.NO_PYTHON, name)
                text = None
        yield None if text is None else Document(name, text)

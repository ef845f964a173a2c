"""The tokenizer that a suite names: a folder of this machine, or a repository of the hub."""

import re
from pathlib import Path

from induction.config.errors import ParamsError
from induction.config.suites import Suite
from induction.models.suites.files import has_tokenizer

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def named_tokenizer(name: str, suite: Suite, lock: Path, scratch: Path) -> Path:
    """A folder with its files, downloaded if need be. Raises StageError."""
    key, folder = f"suites.{name}.tokenizer", Path(suite.tokenizer)
    if folder.is_dir():
        if not has_tokenizer({path.name for path in folder.iterdir()}):
            raise ParamsError(
                key, suite.tokenizer, "a folder with a tokenizer.json", "correct the path"
            )
        return folder
    if not REPOSITORY.fullmatch(suite.tokenizer) or suite.tokenizer.startswith((".", "data/")):
        raise ParamsError(
            key, suite.tokenizer, "a folder that is there, or owner/name of the hub", "correct it"
        )
    # The client of the hub takes a second to import.
    from induction.models.suites.hub import Hub

    hub = Hub(suite.tokenizer, key, key, lock, scratch)
    return hub.tokenizer("main", scratch / name)

"""How a user makes a file anew: the commands that error messages name."""

from pathlib import Path

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params_yaml import read_yaml


def address(label: str) -> str:
    """What DVC calls the stage `label`, a name or name@instance."""
    instance = label.partition("@")[2]
    try:
        params = read_yaml()
        used = {own.get("corpus") for own in params["cells"].values()}
        extra = {PUBLISHED, *params["published"], *(params["corpora"].keys() - used)}
    except (StageError, LookupError, AttributeError, TypeError):
        # This serves other errors; params.yaml has its own.
        return label
    return f"{PUBLISHED}/dvc.yaml:{label}" if instance in extra else label


def corpus_in(folder: Path) -> str:
    """The stage that makes the corpus in `folder`."""
    return f"corpus@{folder.name}" if folder.parent.name == "corpus" else "corpus"


def make(label: str) -> str:
    return f"make it with `dvc repro {address(label)}` or `dvc pull`"


def rebuild(label: str) -> str:
    return f"rebuild it with `dvc repro --force --single-item {address(label)}`"

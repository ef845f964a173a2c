"""Text from a dataset of the Hugging Face hub, read from the start of a split, at a pinned commit.

The repository is a stranger's: none of its code is run, and it decides about no other file than its
own. Nothing of it is kept but small files of its description, below .scratch/.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from induction.config import paths
from induction.config.corpus import Hub
from induction.config.errors import StageError, visible
from induction.text import records
from induction.text.left_out import LeftOut
from induction.text.records import Documents

KEY = "params.yaml: corpus.hub"
# Those of `datasets` that give rows of text. Others read models, images, archives, or single lines.
FORMATS = ("arrow", "csv", "json", "parquet")
FILES = "download its text and set corpus.source: files"


def name_of(hub: Hub) -> str:
    return "/".join(filter(None, (hub.dataset, hub.configuration, hub.split)))


def documents_of(hub: Hub, column: str, left_out: LeftOut) -> Documents:
    """The rows of a split, in its order; `column` holds their text.

    Raises StageError if the hub cannot be reached, if it has no such dataset, commit, configuration
    or split, if we have no access, or if the rows have no such column.
    """
    yield from records.from_batches(_batches(hub, column), name_of(hub), column, left_out)


def _batches(hub: Hub, column: str) -> Iterator[pa.RecordBatch]:
    _set_up()
    try:
        builder, is_parquet = _opened(hub)
        read = _from_parquet if is_parquet else _from_others
        yield from read(builder, hub, column)
    except StageError:
        raise
    except Exception as error:  # a dozen types of five libraries
        raise _translated(error, hub) from None


def _from_parquet(builder: Any, hub: Hub, column: str) -> Iterator[pa.RecordBatch]:
    # Not by `datasets`: it downloads every column, and reads ahead (see `parquet_batches`).
    from huggingface_hub import HfFileSystem

    system = HfFileSystem(endpoint=os.environ.get("HF_ENDPOINT"))
    for path in builder.config.data_files[hub.split]:
        with system.open(path) as file:
            yield from records.parquet_batches(file, name_of(hub), column)


def _from_others(builder: Any, hub: Hub, column: str) -> Iterator[pa.RecordBatch]:
    dataset = builder.as_streaming_dataset(hub.split)
    for table in dataset.with_format("arrow").iter(records.BATCH_ROWS):
        records.check_column(table.schema, name_of(hub), column)
        yield from table.to_batches()


def _opened(hub: Hub) -> tuple[Any, bool]:
    """What reads the dataset, and whether it is of Parquet. Raises errors of the libraries, too."""
    # Importing these takes seconds, which nobody without a hub should wait.
    import datasets
    from huggingface_hub import HfApi

    # `datasets` says in words alone which of these is missing.
    HfApi().dataset_info(hub.dataset, revision=hub.revision, timeout=30)
    try:
        builder = datasets.load_dataset_builder(
            f"hf://datasets/{hub.dataset}",  # without hf:// a folder of that name would do
            hub.configuration or None,
            revision=hub.revision,
        )
    except ValueError as error:
        if not str(error).startswith(("BuilderConfig", "Config name")):
            raise
        raise StageError(
            f"{KEY}.configuration: found {hub.configuration!r}, expected one of {hub.dataset} "
            f"({_words(error)}); correct it"
        ) from None
    kind = type(builder).__module__.rpartition(".")[-1]
    if kind not in FORMATS:
        raise StageError(
            f"{KEY}.dataset: found {hub.dataset!r}, whose files are read as {kind}, expected one "
            f"of {', '.join(FORMATS)}; {FILES}"
        )
    files = builder.config.data_files or {}
    if hub.split not in files:
        raise StageError(
            f"{KEY}.split: found {hub.split!r}, expected one of {hub.dataset}: "
            f"{visible(', '.join(map(str, files)), 300)}; correct it"
        )
    # The library lets files of other commits pass.
    pinned = f"hf://datasets/{hub.dataset}@{hub.revision}/"
    for file in files[hub.split]:
        if not file.startswith(pinned):
            raise StageError(
                f"{KEY}.dataset: found {hub.dataset!r}, which names {visible(file, 200)!r}, "
                f"expected files of its own, at its commit; {FILES}"
            )
    return builder, kind == "parquet"


def _set_up() -> None:
    """Keep the libraries from writing outside the project and from counting downloads.

    They read these variables when they are imported.
    """
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    os.environ.setdefault("HF_TOKEN_PATH", str(home / "token"))  # which a user may have
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGINGFACE_")) and name.endswith("_CACHE"):
            del os.environ[name]
    os.environ |= {
        "HF_HOME": str(paths.HUB),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_VERBOSITY": "error",
        "DATASETS_VERBOSITY": "critical",
    }


def _translated(error: Exception, hub: Hub) -> StageError:
    """What a user can do about an error of the libraries."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    page = f"https://huggingface.co/datasets/{hub.dataset}"
    if isinstance(error, errors.GatedRepoError) or "is a gated dataset" in str(error):
        return StageError(
            f"{KEY}.dataset: found {hub.dataset!r}, which is gated, expected one that you may "
            f"read; accept its terms at {page} and log in with `hf auth login`, or set HF_TOKEN"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return StageError(
            f"{KEY}.dataset: found {hub.dataset!r}, expected a dataset that the hub has and you "
            "may read; correct it or, if it is private, log in with `hf auth login`"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return StageError(
            f"{KEY}.revision: found {hub.revision!r}, expected a commit of {hub.dataset}; copy it "
            f"from {page}/commits/main"
        )
    if "scripts are no longer supported" in str(error):
        return StageError(
            f"{KEY}.dataset: found {hub.dataset!r}, which a script makes, expected files of data "
            f"(no code of a repository is run); name a copy in Parquet, or {FILES}"
        )
    if isinstance(error, (httpx.HTTPError, ConnectionError)):
        return StageError(
            f"{KEY}: found no way to {name_of(hub)} ({_words(error)}), expected a hub that "
            "answers; look at the network (and at HF_ENDPOINT and HF_HUB_OFFLINE, if set) and "
            "try again"
        )
    return StageError(
        f"{KEY}: found {name_of(hub)!r}, which cannot be read ({_words(error)}); name another "
        f"dataset, or {FILES}"
    )


def _words(error: Exception) -> str:
    return visible(" ".join(f"{type(error).__name__}: {error}".split()), 300)

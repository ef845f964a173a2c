"""The code, params and versions that made an artifact: one JSON string in each of them."""

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from typing import Any

from induction.config.errors import StageError
from induction.config.strict import Listed, Text, parse, settings

KEY = "provenance"
# Packages that affect the bits of artifacts.
PACKAGES = ("duckdb", "numpy", "pyarrow", "safetensors", "scipy", "tokenizers", "torch")


@settings
class Provenance:
    """It names no time, place or person, so that the same study gives the same bytes.

    `code` is the hash of the stage's code when it started (`pipeline.code_digests.combine`),
    `params` that of the params it read; `text` that of the text which stage `corpus` read, empty
    for other stages; `cell` is the cell, corpus or grid it was made for, empty for what the default
    study has once.
    """

    stage: Text
    cell: Text
    code: Text
    params: Text
    text: Text
    versions: Listed[Text]
    device: Text
    dtype: Text

    def dumps(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def loads(text: str | bytes | None, where: object, remedy: Callable[[], str]) -> Provenance:
    """The provenance that an artifact carries. Raises StageError if it is missing or unreadable."""
    if text is None:
        raise StageError(f"{where}: carries no {KEY!r}, so not made by this pipeline; {remedy()}")
    try:
        return parse(Provenance, json.loads(text), KEY, file="")
    except (ValueError, RecursionError) as error:
        raise StageError(f"{where}: unreadable {KEY!r} ({error}); {remedy()}") from None


def hash_params(values: dict[str, Any], without: tuple[str, ...] = ()) -> str:
    """sha256 over dotted keys of params.yaml and their values, leaving out keys in `without`."""

    def kept(key: str, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        inner = {name: f"{key}.{name}" for name in value}
        return {n: kept(k, value[n]) for n, k in inner.items() if k not in without}

    hashed = {key: kept(key, value) for key, value in values.items() if key not in without}
    text = json.dumps(hashed, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> tuple[str, ...]:
    """Python and the packages that affect bits, as `name==version`.

    Builds (`+cpu`) and Python's patch level are left out: they change no bits, and they differ
    between machines that may share artifacts.
    """
    packages = [f"{package}=={metadata.version(package).split('+')[0]}" for package in PACKAGES]
    return (f"python=={'.'.join(platform.python_version_tuple()[:2])}", *packages)

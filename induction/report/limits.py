"""What limits the study, in plain words, from its params."""

from collections.abc import Iterable, Mapping
from typing import Any

from induction.config.model import Architecture
from induction.report.formatting import listed
from induction.report.wording import POSITIONS, counted

SOURCES = {
    "packages": "the Python source code of {}",
    "docstrings": "the docstrings of {}",
    "files": "your files",
    "hub": "a dataset of the Hugging Face hub",
}
OPTIMIZERS = {"muon": "Muon", "adamw": "AdamW"}


def limits(
    models: Iterable[Architecture],
    manifest: Mapping[str, Any],
    tokens: int,
    n_ctx: int,
    optimizer: str,
) -> str:
    """How small models, text and context are; `tokens` are those that a model reads."""
    models = list(models)
    layers, width = _from_to([m.n_layers for m in models]), _from_to([m.d_model for m in models])
    packages = listed(list(manifest["versions"]))
    name: str = manifest["source"]
    source = SOURCES.get(name, name).format(packages)
    positions = sorted({POSITIONS[m.positions] for m in models})
    ways = [each or "positions that enter only through queries and keys" for each in positions]
    return (
        f"The models are small: {layers} layers, {width} wide, with a vocabulary of "
        f"{manifest['vocab_size']} tokens. Each read {tokens / 1e6:.1f} million tokens of "
        f"{source} once, {n_ctx} at a time, with {listed(ways)}, and was trained with "
        f"{OPTIMIZERS.get(optimizer, optimizer)} at a constant rate after its "
        "warm-up. The paper's models are larger and read ten billion tokens. What holds here need "
        "not hold there."
    )


def _from_to(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return counted(low) if low == high else f"{counted(low)} to {counted(high)}"

"""Models as a reader calls them: what they are, not how params.yaml names them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from induction.config.model import Architecture
from induction.report.formatting import listed

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
POSITIONS = {"qk_sinusoidal": "", "rotary": "rotary positions", "learned": "learned positions"}


class Described(Protocol):
    """What is said of a model, one of ours or one of a suite."""

    @property
    def n_layers(self) -> int: ...
    @property
    def mlp(self) -> bool: ...
    @property
    def smeared_keys(self) -> bool: ...


def counted(number: int) -> str:
    """A number as it stands in a sentence: in letters up to ten."""
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"


def kind_of_model(model: Described) -> str:
    """For example `two-layer attention-only model` or `one-layer model with smeared keys`."""
    layers = f"{counted(model.n_layers)}-layer"
    traits = ["smeared keys"] if model.smeared_keys else []
    traits += ["MLPs"] if model.mlp else []
    positions = POSITIONS[model.positions] if isinstance(model, Architecture) else ""
    traits += [positions] if positions else []
    plain = not model.mlp and not model.smeared_keys
    name = f"{layers} attention-only model" if plain else f"{layers} model"
    return f"{name} with {' and '.join(traits)}" if traits else name


def plural(kind: str) -> str:
    """Of what `kind_of_model` says."""
    return kind.replace("model", "models", 1)


def kinds_of_models(models: Mapping[str, Described]) -> dict[str, str]:
    """By name; models that are called alike get their names behind it, in parentheses."""
    kinds = {name: kind_of_model(model) for name, model in models.items()}
    taken = Counter(kinds.values())
    return {name: kind if taken[kind] == 1 else f"{kind} ({name})" for name, kind in kinds.items()}


def joined(kinds: Sequence[str]) -> str:
    """Several in a sentence: `one- and two-layer models with smeared keys`."""
    layers: dict[str, list[str]] = {}
    for kind in kinds:
        depth, rest = kind.split("-layer ", 1)
        layers.setdefault(plural(rest), []).append(f"{depth}-")
    return listed([f"{listed(depths)}layer {rest}" for rest, depths in layers.items()])


def label(model: Described) -> str:
    """Of a line in a figure: `two layers, smeared keys`."""
    kind = kind_of_model(model)
    traits = kind.partition(" with ")[2]
    layers = f"{counted(model.n_layers)} layer{'s' * (model.n_layers > 1)}"
    return f"{layers}, {traits}" if traits else layers

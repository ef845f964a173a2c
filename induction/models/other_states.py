"""Why a training begins at step 0 although a state of its cell is there: what differs."""

import json
from pathlib import Path

from induction.config.errors import show
from induction.config.paths import TRAINING_STATES
from induction.models.training_state import INPUTS, TrainingState, step_of

# Of a hash there is nothing to say but that it is another.
HASHES = {"code": "other code", "stream": "another training text"}
MOST_SAID = 3


def why_from_zero(state: TrainingState, needed: list[int]) -> str:
    """Why the state that is there, of those of this cell the most similar, is not taken up; empty
    if there is none. For a state that `load` refused."""
    step = step_of(state.folder)
    if step is not None:
        missing = [n for n in needed if n <= step and not state.checkpoint(n).exists()]
        return f"the state at step {step} lacks the checkpoint of step {missing[0]}, now asked for"
    now = _read(state.folder)
    others = []
    for folder in sorted(TRAINING_STATES.glob(f"{state.cell}-*")):
        before, step = _read(folder), step_of(folder)
        if before and step is not None:
            others.append((differences(before, now), step))
    if not others:
        return ""
    said, step = min(others, key=lambda other: len(other[0]))
    more = f" and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
    return f"the state at step {step} was made with {', '.join(said[:MOST_SAID])}{more}"


def differences(before: dict[str, object], now: dict[str, object]) -> list[str]:
    """What a state was made with, and is not any more."""
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    return [
        HASHES.get(name, f"{name} {show(before.get(name))}, not {show(now.get(name))}")
        for name in names
    ]


def _read(folder: Path) -> dict[str, object]:
    """What decides about the weights, by dotted names; empty if that is not known."""
    try:
        inputs = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return _flat(inputs) if isinstance(inputs, dict) else {}


def _flat(inputs: dict, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in inputs.items():
        key = prefix + name
        flat |= _flat(value, f"{key}.") if isinstance(value, dict) else {key: value}
    return flat

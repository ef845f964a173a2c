"""What the published run would take here, estimated from what each stage of the study took."""

import json
from dataclasses import dataclass
from pathlib import Path

from induction.config.errors import StageError
from induction.config.study import Study
from induction.pipeline import layout
from induction.pipeline.declarations import stages
from induction.report.results import TIMES


@dataclass(frozen=True)
class Size:
    """What a stage's cost grows with, of one cell; `forward` is multiplications per token."""

    tokens: int
    checkpoints: int
    heads: int
    forward: int
    weights: int


def size_of(study: Study, cell: str) -> Size:
    model, train = study.models[study.every_cell[cell].model], study.trained_as(cell)
    n_ctx, vocab_size = study.corpus.n_ctx, study.corpus.vocab_size
    weights = model.n_weights(vocab_size, n_ctx)
    # Embeddings are looked up, not multiplied; each layer also compares and mixes n_ctx positions.
    rows = vocab_size + (n_ctx if model.positions == "learned" else 0)
    forward = weights - model.d_model * rows + model.n_layers * n_ctx * model.d_model
    return Size(
        train.steps(n_ctx) * train.batch * n_ctx,
        len(train.schedule(n_ctx)),
        model.n_layers * model.n_heads,
        forward,
        weights,
    )


def effort(stage: str, size: Size) -> float:
    """What the seconds of a stage are proportional to, roughly."""
    if stage == "train":
        return size.tokens * size.forward
    if stage == "circuits":
        return size.forward  # at a few checkpoints, however long the training
    if stage == "icl":
        return size.checkpoints  # it runs no model
    # Without a head, the layers after it run once more.
    each = size.heads if stage == "ablations" else 1
    return size.checkpoints * each * size.forward


def bulk(stage: str, size: Size) -> float:
    """What the bytes of a stage are proportional to, roughly."""
    return size.checkpoints * (size.weights if stage == "train" else 1)


def estimate(study: Study, cells: list[str]) -> dict[str, tuple[dict[str, float], float]]:
    """Seconds by stage, and bytes, of each of some cells, at the rates of the study's cells here.

    Raises StageError if the study, or a stage of it, was not run here.
    """
    known = {cell: size_of(study, cell) for cell in study.cells}
    rates: dict[str, tuple[float, float]] = {}
    for stage in (stage.name for stage in stages().values() if stage.per == "cell"):
        seconds, size = (
            sum(measure(stage, cell) for cell in known) for measure in (_seconds, _bytes)
        )
        efforts, bulks = (
            sum(cost(stage, each) for each in known.values()) for cost in (effort, bulk)
        )
        rates[stage] = seconds / efforts, size / bulks
    estimates = {}
    for cell in cells:
        size = size_of(study, cell)
        taken = {stage: rate * effort(stage, size) for stage, (rate, _) in rates.items()}
        stored = sum(rate * bulk(stage, size) for stage, (_, rate) in rates.items())
        estimates[cell] = taken, stored
    return estimates


def table(estimates: dict[str, tuple[dict[str, float], float]]) -> str:
    names = [*next(iter(estimates.values()))[0]]
    lines = [f"{'cell':<14}" + "".join(f"{name:>14}" for name in [*names, "seconds", "MB"])]
    for cell, (taken, size) in estimates.items():
        numbers = [*taken.values(), sum(taken.values()), size / 1e6]
        lines.append(f"{cell:<14}" + "".join(f"{number:>14,.0f}" for number in numbers))
    hours = sum(sum(taken.values()) for taken, _ in estimates.values()) / 3600
    size = sum(size for _, size in estimates.values()) / 1e9
    lines.append(f"together about {hours:.1f} hours and {size:.1f} GB, one cell after the other")
    return "\n".join(lines)


def _seconds(stage: str, cell: str) -> float:
    path = TIMES / f"{layout.label(stage, cell)}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["seconds"]
    except FileNotFoundError:
        raise StageError(
            f"{path}: not found, so how long this takes here is not known; run `make study` (what "
            "it fetched or restored from DVC's cache has no time)"
        ) from None


def _bytes(stage: str, cell: str) -> float:
    folder: Path = layout.folder_of(stage, cell)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

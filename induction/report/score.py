"""Matched against usual in-context learning: the same models, two scores, two intervals."""

from typing import NamedTuple

from induction.report.findings import CellFindings, ModelFindings


class Comparison(NamedTuple):
    """Both scores at the end of training with the interval of the evaluation set, in nats, and how
    many times as wide the usual one's is."""

    kind: str
    cell: str
    usual: tuple[float, float, float]
    matched: tuple[float, float, float]
    times: float


def comparisons(models: list[ModelFindings]) -> list[Comparison]:
    """Of the lowest seed of each model that has both intervals."""
    return [
        Comparison(model.kind, model.first.name, usual, matched, _width(usual) / _width(matched))
        for model in models
        for usual in [_estimate(model.first, "icl_final")]
        for matched in [_estimate(model.first, "icl_matched")]
        if _width(usual) > 0 and _width(matched) > 0
    ]


def sentence(compared: list[Comparison]) -> str:
    """By how much the interval shrinks; empty if there is nothing to compare."""
    if not compared:
        return ""
    least, most = (pick(compared, key=lambda each: each.times) for pick in (min, max))
    times = f"{least.times:.1f}"
    if f"{most.times:.1f}" != times:
        times += f" to {most.times:.1f}"
    return f"On the same models and texts the interval of the usual score is {times} times as wide."


def _estimate(cell: CellFindings, name: str) -> tuple[float, float, float]:
    return cell.scores[name], cell.scores[f"{name}_low"], cell.scores[f"{name}_high"]


def _width(estimate: tuple[float, float, float]) -> float:
    return estimate[2] - estimate[1]

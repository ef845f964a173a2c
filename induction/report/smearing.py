"""What smeared keys show: with the previous token in every key, one layer is enough."""

from statistics import fmean
from typing import Any, NamedTuple

from induction.report.findings import ModelFindings
from induction.report.formatting import fixed
from induction.report.rows import Rows
from induction.report.wording import plural


class Turn(NamedTuple):
    """The best head of the first layer at its peak (tokens, share) and what is left of it at the
    end, and the best head of a later layer at the end; the tokens at which the heads of the first
    layer, and those of later ones, reach the threshold."""

    first: str
    peak_tokens: int
    peak: float
    left: float
    then: str
    end: float
    first_tokens: int
    later_tokens: int


def sentences(models: list[ModelFindings], heads: Rows, threshold: float) -> list[str]:
    """Empty without a model with smeared keys. `heads` are the rows of heads.sql, `threshold` is
    the prefix matching from which on a head counts as an induction head."""
    smeared = [model for model in models if model.model.smeared_keys]
    if not smeared:
        return []
    said = []
    for model in smeared:
        plain = _without_smearing(model, models)
        if plain is not None:
            said.append(_against(model, plain))
    for model in smeared:
        turn = takes_turns(model.first.name, heads, threshold)
        if turn:
            said.append(_in_turn(turn, model))
    return said


def _in_turn(turn: Turn, model: ModelFindings) -> str:
    kind, seed = model.kind, f" of seed {model.first.window['seed']}" * (len(model.cells) > 1)
    when = "soon after those of the next"
    if turn.first_tokens <= turn.later_tokens:
        is_first = turn.first_tokens < turn.later_tokens
        when = "first" if is_first else "as early as those of the next"
    return (
        f"In the {kind}{seed} induction has two stages. Heads of the first layer match prefixes "
        f"{when}: {turn.first} does so with {turn.peak:.2f} of its attention at "
        f"{turn.peak_tokens / 1e6:.2f} million tokens. Then they fade, to {turn.left:.2f} at the "
        f"end, while {turn.then}, in a later layer, takes over and ends at {turn.end:.2f}."
    )


def takes_turns(cell: str, heads: Rows, threshold: float) -> Turn | None:
    """The two stages of a model of several layers, if it has them: the best head of the first layer
    reaches the threshold, ends below it and at half of its peak or less, and ends below the best
    head of a later layer."""
    rows = [row for row in heads if row["cell"] == cell]
    end = max(row["tokens"] for row in rows)
    first = [row for row in rows if row["layer"] == 0]
    later = [row for row in rows if row["layer"] > 0]
    if not later:
        return None
    peak = max(first, key=_score)
    faded = max((row for row in first if row["tokens"] == end), key=_score)
    best = max((row for row in later if row["tokens"] == end), key=_score)
    left = faded["prefix_matching"]
    if not (
        peak["prefix_matching"] >= threshold
        and left < threshold
        and left <= peak["prefix_matching"] / 2
        and left < best["prefix_matching"]
    ):
        return None
    first_at, later_at = (
        min((row["tokens"] for row in rows if _score(row) >= threshold), default=end)
        for rows in (first, later)
    )
    return Turn(
        peak["name"], peak["tokens"], _score(peak), left, best["name"], _score(best),
        first_at, later_at,
    )  # fmt: skip


def _without_smearing(smeared: ModelFindings, models: list[ModelFindings]) -> ModelFindings | None:
    """The model that differs in its keys alone, as far as it is described."""
    kind = smeared.kind.replace("model with smeared keys", "attention-only model")
    return next((model for model in models if model.kind == kind), None)


def _against(smeared: ModelFindings, plain: ModelFindings) -> str:
    its, other = smeared.changed, plain.changed
    end, other_end = (
        fmean([cell.scores["icl_matched"] for cell in model.cells]) for model in (smeared, plain)
    )
    subject = plural(smeared.kind)
    subject = subject[0].upper() + subject[1:]
    if its and not other:
        return (
            f"{subject} go through the change, {plural(plain.kind)} do not: in-context learning "
            f"ends at {fixed(end, '%+.2f')} nats instead of {fixed(other_end, '%+.2f')}."
        )
    if its and other:
        starts, ends = (
            [fmean([cell.window[at] for cell in group]) / 1e6 for group in (its, other)]
            for at in ("start_tokens", "end_tokens")
        )
        mean = "on average " if len(its) > 1 or len(other) > 1 else ""
        is_earlier = starts[0] < starts[1] and ends[0] < ends[1]
        when = "earlier than" if is_earlier else "not earlier than"
        return (
            f"{subject} change {when} {plural(plain.kind)}: {mean}the window begins at "
            f"{starts[0]:.2f} million tokens, instead of {starts[1]:.2f}, and ends at "
            f"{ends[0]:.2f}, instead of {ends[1]:.2f}."
        )
    if other:
        return f"{subject} do not change, though {plural(plain.kind)} do."
    return f"Neither {plural(smeared.kind)} nor {plural(plain.kind)} go through the change."


def _score(row: dict[str, Any]) -> float:
    return row["prefix_matching"]

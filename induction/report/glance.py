"""The answer model by model: what stands in the table below the sentences."""

from statistics import fmean
from typing import NamedTuple

from induction.config.phases import PhaseSettings
from induction.report.findings import CellFindings, ModelFindings, missed_rules
from induction.report.formatting import NONE, between, fixed, millions

UNRESOLVED = "not resolvable"  # a share of an ICL that is not clearly below zero


class Row(NamedTuple):
    """A model, or one seed of a model, as text; an empty `why` says that it changed."""

    name: str
    code: str
    changed: str
    why: str
    window: str
    icl: str
    head: str
    prefix_matching: str
    formed: str
    carries: str
    all_carry: str


def of_model(model: ModelFindings, rule: PhaseSettings) -> Row:
    """All seeds together, each number with how far the seeds go; of one seed its intervals."""
    if len(model.cells) == 1:
        return of_cell(model.first, model.kind, rule)
    changed, cells = model.changed, model.cells
    formed = [cell.heads[0] for cell in cells if cell.heads]
    matching = [_matching(cell) for cell in cells]
    shares = [100 * cell.share["share"] for cell in cells if cell.share]
    part = f"in {len(shares)} of {len(cells)} seeds" if len(shares) < len(cells) else ""
    window = NONE
    if changed:
        starts, ends = (
            [cell.window[at] / 1e6 for cell in changed] for at in ("start_tokens", "end_tokens")
        )
        window = f"{fmean(starts):.2f} – {fmean(ends):.2f} M"
        if len(changed) > 1:
            window += f" ({min(starts):.2f} to {max(ends):.2f})"
    return Row(
        name=model.kind,
        code=model.panel,
        changed=f"{len(changed)} of {len(cells)} seeds",
        why="",
        window=window,
        icl=_spread([cell.scores["icl_matched"] for cell in cells], "%+.2f"),
        head=_heads(cells),
        prefix_matching=_spread(matching, "%.2f"),
        formed=_spread([head["formed_tokens"] / 1e6 for head in formed], "%.2f", " M"),
        carries=_spread([head["delta_icl"] for head in formed], "%.2f"),
        all_carry=_spread(shares, "%.0f", " %", part) if shares or not formed else UNRESOLVED,
    )


def of_cell(cell: CellFindings, name: str, rule: PhaseSettings) -> Row:
    """One seed, with the induction head that matches best."""
    scores, head, share = cell.scores, next(iter(cell.heads), None), cell.share
    window = cell.window
    carries, formed, all_carry = NONE, NONE, NONE
    if head:
        formed = millions(head["formed_tokens"])
        ends = between(head["delta_icl_low"], head["delta_icl_high"], "%.2f")
        carries = f"{head['delta_icl']:.2f}{ends}"
        all_carry = UNRESOLVED
    if share:
        low, high = (share[k] and 100 * share[k] for k in ("share_low", "share_high"))
        all_carry = f"{100 * share['share']:.0f} %{between(low, high, '%.0f')}"
    return Row(
        name=name,
        code=cell.name,
        changed="yes" if cell.changed else "no",
        why=missed_rules(cell, rule),
        window=f"{millions(window['start_tokens'])} – {millions(window['end_tokens'])}"
        if cell.changed
        else NONE,
        icl=fixed(scores["icl_matched"], "%+.2f")
        + between(scores["icl_matched_low"], scores["icl_matched_high"], "%+.2f"),
        head=head["name"] if head else "none",
        prefix_matching=f"{_matching(cell):.2f}",
        formed=formed,
        carries=carries,
        all_carry=all_carry,
    )


def _heads(cells: list[CellFindings]) -> str:
    """The best induction head of each seed; once, if it is the same in all."""
    names = [cell.heads[0]["name"] if cell.heads else "none" for cell in cells]
    return ", ".join(names) if len({*names}) > 1 else names[0]


def _matching(cell: CellFindings) -> float:
    """Of the induction head that is shown; without one, of the head that matches best."""
    best = next(iter(cell.heads), None)
    return best["prefix_matching"] if best else cell.scores["prefix_matching_max"]


def _spread(values: list[float], form: str, unit: str = "", of: str = "") -> str:
    """The mean over seeds, the least and the largest, and `of` which they are."""
    if not values:
        return NONE
    mean, low, high = (fixed(value, form) for value in (fmean(values), min(values), max(values)))
    alike = "all alike" if len(values) > 1 else ""
    notes = ", ".join(filter(None, [f"{low} to {high}" if low != high else alike, of]))
    return f"{mean}{unit} ({notes})" if notes else f"{mean}{unit}"

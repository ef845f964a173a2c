"""The answer first: did the change happen, where, in which models, with which heads; from rows."""

from collections.abc import Callable
from dataclasses import dataclass

from induction.config.phases import PhaseSettings
from induction.report.formatting import between, fixed, millions

Rows = list[dict]
SHARE = ("share_low", "share_high")


@dataclass(frozen=True)
class Found:
    """What was found in one cell: rows of cells.sql and windows.sql, its induction heads (of
    induction.sql, the best first), and the share of ICL that goes with all of them, if any."""

    panel: str
    seed: int
    cell: dict
    window: dict
    heads: Rows
    share: dict | None

    @property
    def changed(self) -> bool:
        return self.cell["phase_change"]

    @property
    def name(self) -> str:
        return self.cell["cell"]


def findings(found: dict[str, Rows]) -> list[Found]:
    """Every cell, in the order of the page."""
    of_cell = {row["cell"]: row for row in found["cells"]}
    shares = {
        row["cell"]: row
        for row in found["interventions"]
        if row["intervention"] == "without_induction" and row["share"] is not None
    }
    return [
        Found(
            row["panel"],
            row["seed"],
            of_cell[row["cell"]],
            row,
            [head for head in found["induction"] if head["cell"] == row["cell"]],
            shares.get(row["cell"]),
        )
        for row in found["windows"]
    ]


# The cells of each panel.
Models = dict[str, list[Found]]


def models(cells: list[Found]) -> Models:
    """The cells of each panel that is shown in detail: the models, in all their seeds."""
    shown = [own.panel for own in cells if own.cell["is_detailed"]]
    return {panel: [own for own in cells if own.panel == panel] for panel in dict.fromkeys(shown)}


def variations(cells: list[Found]) -> Models:
    """The same of all other panels."""
    own = models(cells)
    other = dict.fromkeys(cell.panel for cell in cells if cell.panel not in own)
    return {panel: [cell for cell in cells if cell.panel == panel] for panel in other}


def sentences(
    cells: list[Found], verdicts: dict[str, int], contradicted: list[str], rule: PhaseSettings
) -> list[str]:
    """Five sentences; where there is no change they say so.

    `verdicts` counts the paper's claims by verdict, `contradicted` are the texts of those that
    failed, `rule` is what makes a phase change.
    """
    own = models(cells)
    changed = _those(own, lambda cell: cell.changed)
    gradual = _those(own, lambda cell: not cell.changed and is_gradual(cell, rule))
    flat = _those(own, lambda cell: not cell.changed and not is_gradual(cell, rule))
    return [
        _which(own, changed, gradual, flat, variations(cells)),
        _where(own, changed, rule.min_drop),
        _heads(own),
        _carried(own),
        _claims(verdicts, contradicted, [len(found) for found in own.values()]),
    ]


def is_gradual(own: Found, rule: PhaseSettings) -> bool:
    """Whether a cell ends with as much ICL as a phase change asks for, without a window of it."""
    return own.cell["icl_final"] <= -rule.min_final and own.cell["icl_final_high"] < 0


def why_not(own: Found, rule: PhaseSettings) -> str:
    """Which parts of the rule of a phase change a cell misses; empty if it misses none."""
    drop, end = own.window["icl_drop"], own.cell["icl_final"]
    missed = []
    if drop < rule.min_drop:
        missed.append(f"falls by {drop:.2f} nats inside its window, {rule.min_drop:g} asked")
    if end > -rule.min_final:
        missed.append(f"ends at {end:+.2f}, −{rule.min_final:g} asked")
    elif own.cell["icl_final_high"] >= 0:
        missed.append("its interval at the end reaches zero")
    return "; ".join(missed)


def _those(own: Models, holds: Callable[[Found], bool]) -> Models:
    found = {panel: [cell for cell in cells if holds(cell)] for panel, cells in own.items()}
    return {panel: cells for panel, cells in found.items() if cells}


def _which(own: Models, changed: Models, gradual: Models, flat: Models, others: Models) -> str:
    def named(found: Models, with_end: bool = True) -> str:
        parts = []
        for panel, cells in found.items():
            of = len(own[panel])
            notes = [] if len(cells) == of else [f"{len(cells)} of {of} seeds"]
            if with_end:
                ends = _span([cell.cell["icl_final"] for cell in cells], "%+.2f")
                notes.append(f"ICL ends at {ends} nats")
            parts.append(f"{panel} ({'; '.join(notes)})" if notes else panel)
        return _listed(parts)

    parts = []
    if changed:
        parts.append(f"within one window of training in {named(changed, with_end=False)}")
    if gradual:
        parts.append(f"without such a window in {named(gradual)}")
    if not parts:
        text = f"In-context learning (ICL) does not appear: not in {named(flat)}"
    else:
        text = f"In-context learning (ICL) appears {', '.join(parts)}"
        text += f", and not in {named(flat)}" if flat else ""
    if not changed:
        text = f"No model goes through a phase change. {text}"
    if others:
        count = sum(any(cell.changed for cell in cells) for cells in others.values())
        text += f"; of {len(others)} variations and controls {count} change"
    return f"{text}."


def _where(own: Models, changed: Models, min_drop: float) -> str:
    if not changed:
        best = max(_every(own), key=lambda cell: cell.window["icl_drop"])
        return (
            f"The largest fall of ICL within one window is {best.window['icl_drop']:.2f} nats "
            f"({best.name}); a phase change takes {min_drop:g}, with an interval below zero."
        )
    parts = []
    for panel, found in changed.items():
        start = min(own.window["start_tokens"] for own in found)
        end = max(own.window["end_tokens"] for own in found)
        drop = _span([own.window["icl_drop"] for own in found], "%.2f")
        over = f", over {len(found)} seeds" if len(found) > 1 else ""
        parts.append(
            f"{panel} {millions(start)} – {millions(end)}{over} (ICL falls by {drop} nats)"
        )
    return f"The window, in training tokens: {'; '.join(parts)}."


def _heads(own: Models) -> str:
    parts = [
        f"{best['name']} of {best['cell']} from {millions(best['formed_tokens'])} tokens on "
        f"(prefix matching at the end {best['prefix_matching']:.2f}"
        + (f", and {len(more)} more)" if more else ")")
        for found in own.values()
        if found[0].heads
        for best, *more in [found[0].heads]
    ]
    if not parts:
        best = max(_every(own), key=lambda cell: cell.cell["prefix_matching_max"])
        return (
            "No head of these models ends as an induction head: the highest prefix matching is "
            f"{best.cell['prefix_matching_max']:.2f} ({best.cell['best_head']} of {best.name})."
        )
    return (
        "Induction heads, which attend to what followed the current token before, are "
        f"{'; '.join(parts)}."
    )


def _carried(own: Models) -> str:
    firsts = [found[0] for found in own.values()]
    alone = [
        f"{best['delta_icl']:.2f} in {best['cell']}"
        + between(best["delta_icl_low"], best["delta_icl_high"], "%.2f")
        for best in (first.heads[0] for first in firsts if first.heads)
    ]
    together = [
        f"{100 * first.share['share']:.0f} % in {first.name}"
        + between(
            *(None if first.share[k] is None else 100 * first.share[k] for k in SHARE), form="%.0f"
        )
        for first in firsts
        if first.share
    ]
    if not alone:
        best = max(_every(own), key=lambda cell: cell.cell["ablation_icl_max"])
        return (
            f"The head that carries most ICL is {best.cell['ablation_head']} of {best.name}: its "
            f"removal costs {best.cell['ablation_icl_max']:.2f} nats."
        )
    text = f"Removing that head alone costs, in nats of ICL, {_listed(alone)}"
    if together:
        text += f"; all induction heads of a model carry of its ICL {_listed(together)}"
    return f"{text}."


def _every(own: Models) -> list[Found]:
    return [cell for found in own.values() for cell in found]


def _claims(verdicts: dict[str, int], contradicted: list[str], seeds: list[int]) -> str:
    counts = ", ".join(f"{own} {verdict}" for verdict, own in verdicts.items())
    failed = ", ".join(f"“{text.rstrip('.')}”" for text in contradicted)
    most = max(seeds)
    count = f"{'up to ' if min(seeds) < most else ''}{most} seed{'s' if most > 1 else ''}"
    judged = f"judged over {count} of each model"
    return f"The paper's claims, {judged}: {counts}" + (
        f"; what fails is {failed}." if failed else "."
    )


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _span(values: list[float], form: str) -> str:
    low, high = fixed(min(values), form), fixed(max(values), form)
    return low if low == high else f"{low} to {high}"

"""The answer in five sentences: did the change happen, when, with which heads, by how much."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from induction.config.phases import PhaseSettings
from induction.report.formatting import between, fixed, listed, millions
from induction.report.rows import Results, Rows


@dataclass(frozen=True)
class CellFindings:
    """One cell: its rows of cells.sql and windows.sql, its induction heads (of induction.sql, the
    best first), and the share of ICL that goes with all of them, if there are any."""

    scores: dict[str, Any]
    window: dict[str, Any]
    heads: Rows
    share: dict[str, Any] | None

    @property
    def name(self) -> str:
        return self.window["cell"]

    @property
    def panel(self) -> str:
        return self.window["panel"]

    @property
    def changed(self) -> bool:
        return self.scores["phase_change"]

    def is_gradual(self, rule: PhaseSettings) -> bool:
        """Whether it ends with as much ICL as a phase change asks for, without its window."""
        end, high = self.scores["icl_matched"], self.scores["icl_matched_high"]
        return not self.changed and end <= -rule.min_final and high < 0


def findings(results: Results) -> list[CellFindings]:
    """Every cell, in the order of the page."""
    scores = {row["cell"]: row for row in results["cells"]}
    shares = {
        row["cell"]: row
        for row in results["interventions"]
        if row["intervention"] == "without_induction" and row["share"] is not None
    }
    return [
        CellFindings(
            scores=scores[row["cell"]],
            window=row,
            heads=[head for head in results["induction"] if head["cell"] == row["cell"]],
            share=shares.get(row["cell"]),
        )
        for row in results["windows"]
    ]


# The cells of each panel: a model in all its seeds, the lowest first.
Models = dict[str, list[CellFindings]]


def models(cells: list[CellFindings]) -> Models:
    """The panels that are shown in detail."""
    detailed = [cell.panel for cell in cells if cell.scores["is_detailed"]]
    return {
        panel: [cell for cell in cells if cell.panel == panel] for panel in dict.fromkeys(detailed)
    }


def variations(cells: list[CellFindings]) -> Models:
    """All other panels."""
    detailed = models(cells)
    others = dict.fromkeys(cell.panel for cell in cells if cell.panel not in detailed)
    return {panel: [cell for cell in cells if cell.panel == panel] for panel in others}


def sentences(
    cells: list[CellFindings],
    verdicts: dict[str, int],
    contradicted: list[str],
    rule: PhaseSettings,
) -> list[str]:
    """Five sentences; where there is no change they say so.

    `verdicts` counts the paper's claims by verdict, `contradicted` has the texts of those that
    failed, `rule` is what makes a phase change.
    """
    shown = models(cells)
    return [
        _models_sentence(shown, variations(cells), rule),
        _window_sentence(shown, rule.min_drop),
        _heads_sentence(shown),
        _ablation_sentence(shown),
        _claims_sentence(verdicts, contradicted, [len(seeds) for seeds in shown.values()]),
    ]


def failed_controls(claims: Rows) -> str:
    """What stands above all results: the controls that are contradicted; empty if there is none.
    Rows of table claims, or of claims.json."""
    failed = _controls(claims, "contradicted")
    if not failed:
        return ""
    if len(failed) == 1:
        return f"A control failed: {failed[0]}. Claims that rest on it say little."
    return f"{len(failed)} controls failed: {listed(failed)}. Claims that rest on them say little."


def undecided_controls(claims: Rows) -> str:
    """The controls that are inconclusive, which stands below the results; empty if none is."""
    undecided = _controls(claims, "inconclusive")
    count = f"{len(undecided)} controls are" if len(undecided) > 1 else "A control is"
    return f"{count} inconclusive: {listed(undecided)}." if undecided else ""


def _controls(claims: Rows, verdict: str) -> list[str]:
    return [
        f"“{row['text'].rstrip('.')}”"
        for row in claims
        if row["kind"] == "control" and row["verdict"] == verdict
    ]


def repeats_sentence(repeats: Rows, shown: Models) -> str:
    """The loss on random blocks of the models shown, against chance: rows of repeats.sql with
    random gaps, where nothing but the tokens tells what comes next. Empty without a chance."""
    rows = [row for row in repeats if row["probe"] == "gap" and row["panel"] in shown]
    if not rows or rows[0]["chance"] is None:
        return ""
    chance, later = rows[0]["chance"], {}
    parts = []
    for panel in dict.fromkeys(row["panel"] for row in rows):
        of_panel = [row for row in rows if row["panel"] == panel]
        first = _mean([row["loss"] for row in of_panel if row["repeat"] == 0])
        later[panel] = _mean([row["loss"] for row in of_panel if row["repeat"] > 0])
        parts.append(f"{panel} {first:.2f} → {later[panel]:.2f}")
    above = [panel for panel, loss in later.items() if loss >= chance]
    below = [panel for panel, loss in later.items() if loss < chance]
    return (
        f"Loss on random blocks with random gaps, the first time → later times, nats per token: "
        f"{', '.join(parts)}. Chance is ln({rows[0]['vocab_size']}) = {chance:.2f}: an even guess "
        "over the vocabulary, as of a model that knows nothing. (Knowing which "
        f"{rows[0]['usable']} tokens probes are drawn from would bring it to "
        f"{rows[0]['chance_usable']:.2f}.) Later times are better than chance in "
        f"{listed(below) or 'no model'}, and no better in {listed(above) or 'none'}."
    )


def missed_rules(cell: CellFindings, rule: PhaseSettings) -> str:
    """Which parts of the rule of a phase change a cell misses; empty if it misses none."""
    drop, end = cell.window["icl_drop"], cell.scores["icl_matched"]
    missed = []
    if drop < rule.min_drop:
        missed.append(f"falls by {drop:.2f} nats inside its window, of {rule.min_drop:g} required")
    if end > -rule.min_final:
        missed.append(f"ends at {end:+.2f}, −{rule.min_final:g} required")
    elif cell.scores["icl_matched_high"] >= 0:
        missed.append("its interval at the end reaches zero")
    return "; ".join(missed)


def _where(shown: Models, holds: Callable[[CellFindings], bool]) -> Models:
    kept = {panel: [cell for cell in seeds if holds(cell)] for panel, seeds in shown.items()}
    return {panel: seeds for panel, seeds in kept.items() if seeds}


def _models_sentence(shown: Models, others: Models, rule: PhaseSettings) -> str:
    changed = _where(shown, lambda cell: cell.changed)
    gradual = _where(shown, lambda cell: cell.is_gradual(rule))
    flat = _where(shown, lambda cell: not cell.changed and not cell.is_gradual(rule))

    def named(group: Models, with_end: bool = True) -> str:
        parts = []
        for panel, seeds in group.items():
            total = len(shown[panel])
            notes = [] if len(seeds) == total else [f"{len(seeds)} of {total} seeds"]
            if with_end:
                ends = _range([cell.scores["icl_matched"] for cell in seeds], "%+.2f")
                notes.append(f"ICL ends at {ends} nats")
            parts.append(f"{panel} ({'; '.join(notes)})" if notes else panel)
        return listed(parts)

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
        count = sum(any(cell.changed for cell in seeds) for seeds in others.values())
        text += f"; of {len(others)} variations and controls {count} change"
    return f"{text}."


def _window_sentence(shown: Models, min_drop: float) -> str:
    changed = _where(shown, lambda cell: cell.changed)
    if not changed:
        best = max(_all(shown), key=lambda cell: cell.window["icl_drop"])
        return (
            f"The largest fall of ICL within one window is {best.window['icl_drop']:.2f} nats "
            f"({best.name}); a phase change takes {min_drop:g}, with an interval below zero."
        )
    parts = []
    for panel, seeds in changed.items():
        start = min(cell.window["start_tokens"] for cell in seeds)
        end = max(cell.window["end_tokens"] for cell in seeds)
        drop = _range([cell.window["icl_drop"] for cell in seeds], "%.2f")
        over = f", over {len(seeds)} seeds" if len(seeds) > 1 else ""
        parts.append(
            f"{panel} {millions(start)} – {millions(end)}{over} (ICL falls by {drop} nats)"
        )
    return f"The window, in training tokens: {'; '.join(parts)}."


def _heads_sentence(shown: Models) -> str:
    parts = [
        f"{best['name']} of {best['cell']} from {millions(best['formed_tokens'])} tokens on "
        f"(prefix matching at the end {best['prefix_matching']:.2f}"
        + (f", and {len(others)} more)" if others else ")")
        for seeds in shown.values()
        if seeds[0].heads
        for best, *others in [seeds[0].heads]
    ]
    if not parts:
        best = max(_all(shown), key=lambda cell: cell.scores["prefix_matching_max"])
        return (
            "No head of these models ends as an induction head: the highest prefix matching is "
            f"{best.scores['prefix_matching_max']:.2f} ({best.scores['best_head']} of {best.name})."
        )
    return (
        "Induction heads, which attend to what followed the current token before, are "
        f"{'; '.join(parts)}."
    )


def _ablation_sentence(shown: Models) -> str:
    firsts = [seeds[0] for seeds in shown.values()]
    alone = [
        f"{best['delta_icl']:.2f} in {best['cell']}"
        + between(best["delta_icl_low"], best["delta_icl_high"], "%.2f")
        for best in (first.heads[0] for first in firsts if first.heads)
    ]
    together = []
    for first in firsts:
        if first.share:
            share, low, high = (
                None if first.share[key] is None else 100 * first.share[key]
                for key in ("share", "share_low", "share_high")
            )
            together.append(f"{share:.0f} % in {first.name}{between(low, high, '%.0f')}")
    if not alone:
        best = max(_all(shown), key=lambda cell: cell.scores["ablation_icl_max"])
        return (
            f"The head that carries most ICL is {best.scores['ablation_head']} of {best.name}: "
            f"removing it costs {best.scores['ablation_icl_max']:.2f} nats."
        )
    text = f"Removing that head alone costs, in nats of ICL, {listed(alone)}"
    if together:
        text += f"; all induction heads of a model carry of its ICL {listed(together)}"
    return f"{text}."


def _all(shown: Models) -> list[CellFindings]:
    return [cell for seeds in shown.values() for cell in seeds]


def _claims_sentence(verdicts: dict[str, int], contradicted: list[str], seeds: list[int]) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    failed = ", ".join(f"“{text.rstrip('.')}”" for text in contradicted)
    most = max(seeds)
    count = f"{'up to ' if min(seeds) < most else ''}{most} seed{'s' if most > 1 else ''}"
    text = f"The paper's claims, judged over {count} of each model: {counts}"
    return f"{text}; what fails is {failed}." if failed else f"{text}."


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _range(values: list[float], form: str) -> str:
    low, high = fixed(min(values), form), fixed(max(values), form)
    return low if low == high else f"{low} to {high}"

"""The answer first: did the change happen, where, in which models, with which heads; from rows."""

from dataclasses import dataclass

from stages.lib.spell import between, fixed, millions

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
    cells: list[Found], verdicts: dict[str, int], contradicted: list[str], min_drop: float
) -> list[str]:
    """Five sentences; where there is no change they say so.

    `verdicts` counts the paper's claims by verdict, `contradicted` are the texts of those that
    failed, `min_drop` is the fall of ICL that makes a phase change, in nats.
    """
    own = models(cells)
    changed = {p: [c for c in found if c.changed] for p, found in own.items()}
    changed = {panel: found for panel, found in changed.items() if found}
    flat = {p: [c for c in found if not c.changed] for p, found in own.items()}
    flat = {panel: found for panel, found in flat.items() if found}
    return [
        _which(own, changed, flat, variations(cells)),
        _where(own, changed, min_drop),
        _heads(own),
        _carried(own),
        _claims(verdicts, contradicted, max(map(len, own.values()))),
    ]


def _which(own: Models, changed: Models, flat: Models, others: Models) -> str:
    def some(panel: str, found: list[Found]) -> list[str]:
        of = len(own[panel])
        return [] if len(found) == of else [f"{len(found)} of {of} seeds"]

    def name(panel: str, notes: list[str]) -> str:
        return f"{panel} ({'; '.join(notes)})" if notes else panel

    ends = {
        panel: _span([cell.cell["icl_final"] for cell in found], "%+.2f")
        for panel, found in flat.items()
    }
    without = _listed(
        [
            name(panel, [*some(panel, found), f"ICL ends at {ends[panel]} nats"])
            for panel, found in flat.items()
        ]
    )
    if not changed:
        text = f"No model goes through a phase change: not {without}"
    else:
        text = (
            "In-context learning (ICL) appears within one window of training in "
            f"{_listed([name(panel, some(panel, found)) for panel, found in changed.items()])}"
        )
        text += f", and not in {without}" if flat else ""
    if others:
        count = sum(any(c.changed for c in found) for found in others.values())
        text += f"; {count} of {len(others)} variations and controls change, too"
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
        f"(prefix matching {best['prefix_matching']:.2f}"
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
    parts = [
        f"{100 * first.share['share']:.0f} % in {first.name}"
        + between(
            *(None if first.share[k] is None else 100 * first.share[k] for k in SHARE), form="%.0f"
        )
        for found in own.values()
        if (first := found[0]).share
    ]
    best = max(_every(own), key=lambda cell: cell.cell["ablation_icl_max"])
    single = (
        f"the single head that carries most is {best.cell['ablation_head']} of {best.name}, whose "
        f"removal costs {best.cell['ablation_icl_max']:.2f} nats"
    )
    if not parts:
        return f"With no induction heads there is nothing for them to carry; {single}."
    return f"Of their ICL, what goes without all induction heads is {_listed(parts)}; {single}."


def _every(own: Models) -> list[Found]:
    return [cell for found in own.values() for cell in found]


def _claims(verdicts: dict[str, int], contradicted: list[str], seeds: int) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    failed = ", ".join(f"“{text.rstrip('.')}”" for text in contradicted)
    judged = f"judged over {seeds} seed{'s' if seeds > 1 else ''} of each model"
    return f"The paper's claims, {judged}: {counts}" + (
        f"; what fails is {failed}." if failed else "."
    )


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _span(values: list[float], form: str) -> str:
    low, high = fixed(min(values), form), fixed(max(values), form)
    return low if low == high else f"{low} to {high}"

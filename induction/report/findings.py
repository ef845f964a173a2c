"""What was measured, cell by cell and model by model, as the sentences of the report need it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from induction.config.phases import PhaseSettings
from induction.report.formatting import fixed
from induction.report.rows import Results, Rows
from induction.report.wording import Described, kinds_of_models


@dataclass(frozen=True)
class CellFindings:
    """One cell: its rows of cells.sql and windows.sql, its induction heads (of induction.sql, the
    best first), the share of ICL that goes with all of them, if there are any, and what each head
    is (of final_heads.sql) by its name."""

    scores: dict[str, Any]
    window: dict[str, Any]
    heads: Rows
    share: dict[str, Any] | None
    kinds: dict[str, str]

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


@dataclass(frozen=True)
class ModelFindings:
    """The cells of a panel, which differ in nothing but the seed, the lowest first.

    `kind` is the model in words, as of one model: see induction.report.wording.
    """

    panel: str
    kind: str
    model: Described
    cells: list[CellFindings]

    @property
    def first(self) -> CellFindings:
        return self.cells[0]

    @property
    def is_detailed(self) -> bool:
        return self.first.scores["is_detailed"]

    @property
    def changed(self) -> list[CellFindings]:
        return [cell for cell in self.cells if cell.changed]


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
            kinds={
                head["name"]: head["kind"]
                for head in results["final_heads"]
                if head["cell"] == row["cell"]
            },
        )
        for row in results["windows"]
    ]


def models(
    cells: list[CellFindings], architectures: Mapping[str, Described]
) -> tuple[list[ModelFindings], list[ModelFindings]]:
    """The models that are shown in detail, and the variations and controls that are not, in the
    order of the page; `architectures` has the model of each cell."""
    panels: dict[str, list[CellFindings]] = {}
    for cell in cells:
        panels.setdefault(cell.panel, []).append(cell)
    of_panel = {panel: architectures[members[0].name] for panel, members in panels.items()}
    detailed = {
        panel: model for panel, model in of_panel.items() if panels[panel][0].scores["is_detailed"]
    }
    kinds = kinds_of_models(of_panel) | kinds_of_models(detailed)
    every = [ModelFindings(p, kinds[p], of_panel[p], panels[p]) for p in panels]
    return [m for m in every if m.is_detailed], [m for m in every if not m.is_detailed]


def missed_rules(cell: CellFindings, rule: PhaseSettings) -> str:
    """Which parts of the rule of a phase change a cell misses; empty if it misses none."""
    drop, end = cell.window["icl_drop"], cell.scores["icl_matched"]
    missed = []
    if drop < rule.min_drop:
        missed.append(f"it falls by {drop:.2f} nats inside its window, less than {rule.min_drop:g}")
    if end > -rule.min_final:
        missed.append(f"it ends at {fixed(end, '%+.2f')} nats, above −{rule.min_final:g}")
    elif cell.scores["icl_matched_high"] >= 0:
        missed.append("its interval at the end reaches zero")
    return "; ".join(missed)

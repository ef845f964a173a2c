"""Findings that say what a test wants them to say."""

from typing import Any, NamedTuple

from induction.config.phases import MinRise, PhaseSettings
from induction.report.findings import ModelFindings, findings, models

RULE = PhaseSettings(
    1, 0.2, 0.2, 0.2, 5, MinRise(**dict.fromkeys(MinRise.__dataclass_fields__, 0.1))
)


class Model(NamedTuple):
    """What a model is described by."""

    n_layers: int = 2
    mlp: bool = False
    smeared_keys: bool = False


def results(*cells: dict) -> dict[str, list[dict]]:
    """The rows of the queries that findings are made of."""
    rows: dict[str, list[dict]] = {
        name: [] for name in ("cells", "windows", "interventions", "induction", "final_heads")
    }
    for cell in cells:
        name, changes, icl = cell["cell"], cell.get("changes", True), cell.get("icl", -0.5)
        usual = cell.get("usual", icl)
        rows["cells"].append(
            {"cell": name, "is_detailed": cell.get("is_detailed", True), "phase_change": changes}
            | {"icl_matched": icl, "icl_matched_low": icl - 0.1, "icl_matched_high": icl + 0.1}
            | {"icl_final": usual, "icl_final_low": usual - 0.4, "icl_final_high": usual + 0.4}
            | {"prefix_matching_max": cell.get("matching", 0.03), "best_head": "L0H1"}
            | {"ablation_icl_max": cell.get("carries", 0.25), "ablation_head": "L1H2"}
        )
        start, end = cell.get("window", (1_000_000, 2_000_000))
        rows["windows"].append(
            {"cell": name, "panel": cell.get("panel", name), "seed": cell.get("seed", 0)}
            | {"is_phase_change": changes, "start_tokens": start, "end_tokens": end}
            | {"middle_tokens": (start + end) / 2, "icl_drop": cell.get("drop", 0.4)}
        )
        for head in cell.get("heads", ()):
            rows["induction"].append(
                {"cell": name, "name": head, "formed_tokens": 1_500_000}
                | {"prefix_matching": cell.get("matching", 0.75)}
                | {"delta_icl": 0.5, "delta_icl_low": 0.25, "delta_icl_high": 0.75}
            )
        if cell.get("behind"):
            rows["cells"][-1]["ablation_head"] = cell["behind"]
            rows["final_heads"].append(
                {"cell": name, "name": cell["behind"], "kind": "previous_token"}
            )
        share = cell.get("share")
        rows["interventions"].append(
            {"cell": name, "intervention": "without_induction", "share": share}
            | {"share_low": share and share - 0.5, "share_high": share and share + 0.5}
            | {"icl": 0.45}
        )
    return rows


def of(*cells: dict[str, Any]) -> tuple[list[ModelFindings], list[ModelFindings]]:
    """The models, and the variations; `model` describes the model of a cell."""
    architectures = {cell["cell"]: cell.get("model", Model()) for cell in cells}
    return models(findings(results(*cells)), architectures)

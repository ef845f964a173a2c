"""Tables that are made up, as a study would have left them: the report can be made of them."""

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from induction.pipeline import code_digests
from induction.pipeline.artifacts import MANIFEST
from induction.pipeline.declarations import stages, writer_of
from induction.pipeline.layout import source_of
from induction.tables.contract import Table
from induction.tables.parquet import write_table
from stages import report
from tests.conftest import provenance_by
from tests.project import Project

READS = report.PARAMS
# None of the first goes through a phase change.
CELLS = ("attn1_s0", "attn2_s0", "attn2_s1")
STEPS = tuple(range(4))
ODD = "falls by <b>|ICL|</b>"
HEADS = {"layer": (0, 1), "head": (0, 1)}
EDGE = {"layer": (1,), "head": (0, 1), "from_layer": (0,), "from_head": (0, 1)}
SPANS = ("random_again", "random_first", "text", "text_early", "text_late")
PROBES = ("random", "text")
TRIALS = [("whole", "whole", "none"), ("direct", "kept", "mean")] + [
    ("circuit", run, replacement) for run in ("cut", "kept") for replacement in ("mean", "zero")
]
# What a file may be called.
FILE = "<img src=x onerror=alert(1)>\u202e\x1b.py"
# What a vocabulary may spell.
TOKEN = "<!--<scriptĠ</script><b>Ġ"
TOKENS = ("token", "other", "source", "destination", "out", "text_out")
ABLATED = [("none", "none", -1, -1)] + [
    (replacement, mode, layer, head)
    for replacement, mode, layer, head in product(
        ("mean", "zero"), ("full", "pattern"), (0, 1), (0, 1)
    )
]
INTERVENTIONS = ("ideal_both", "knockout", "none", "random_induction", "without_induction")
SIGNALS = ("ab", "icl", "loss_bump", "pca_turn", "prefix_matching", "qk_trace")
AXES = {
    "documents": {"document": (0, 1)},
    "vocabulary": {"token": (0, 1)},
    "eval": {"seq": (0, 1), "pos": tuple(range(64))},
    "eval_sequences": {"seq": (0, 1)},
    "losses": {"step": STEPS, "seq": (0, 1), "pos": tuple(range(63))},
    "losses_short": {"step": STEPS, "seq": (0, 1), "pos": tuple(range(58, 63))},
    "icl": {"step": STEPS},
    "icl_positions": {"step": STEPS, "pos": tuple(range(63))},
    "pca": {"cell": CELLS, "step": STEPS, "component": (1, 2)},
    "heads": {"step": STEPS, **HEADS},
    "repeats": {
        "step": STEPS,
        "probe": ("fixed", "gap"),
        "block": (3, 6),
        "seq": (0, 1),
        "repeat": (0, 1, 2),
    },
    "ablations": {"step": STEPS, "way": ABLATED, "seq": (0, 1)},
    "interventions": {"step": STEPS, "intervention": INTERVENTIONS, "draw": (0,), "seq": (0, 1)},
    "intervention_heads": {"step": STEPS, "intervention": INTERVENTIONS},
    "phases": {"cell": CELLS, "signal": SIGNALS, "estimator": ("levels", "slope")},
    "phases_windows": {"cell": CELLS},
    "phases_overlaps": {
        "cell": CELLS,
        "estimator": ("levels",),
        "signal": ("ab",),
        "other": ("icl",),
    },
    "readings": {"step": STEPS},
    "attribution": {"step": STEPS, "span": SPANS, "layer": (-1, 0), "part": ("embed", "h0")},
    "lens": {"step": STEPS, "span": SPANS, "after": (0, 1)},
    "direct_path": {"step": STEPS},
    "direct_tokens": {"step": STEPS, "row": (0, 1), "place": (0, 1)},
    "head_circuits": {"step": STEPS, **HEADS},
    "entries": {"step": STEPS, **HEADS, "circuit": ("ov", "qk"), "row": (0, 1), "place": (0, 1)},
    "eigenvalues": {"step": STEPS, **HEADS, "index": (0, 1)},
    "offsets": {"step": STEPS, **HEADS, "offset": (0, 1, 2)},
    "compositions": {"step": STEPS, **EDGE},
    "edges": {"step": STEPS, **EDGE},
    "edge_ablations": {"step": STEPS, **EDGE, "receiver_input": ("k", "q"), "seq": (0, 1)},
    "paths": {"step": STEPS, "trial": TRIALS, "seq": (0, 1)},
    "path_orders": {"step": STEPS, "order": (0, 1), "seq": (0, 1)},
    "attention": {"step": STEPS, "probe": PROBES, **HEADS, "pair": ((0, 0), (1, 0), (1, 1))},
    "shown": {"probe": PROBES, "pos": (0, 1)},
    "skip_trigrams": {"step": STEPS, "layer": (0,), "head": (0,), "row": (0, 1)},
    "skip_trigram_bugs": {
        "step": STEPS,
        "layer": (0,),
        "head": (0,),
        "row": (0,),
        "role": ("first", "forced", "second"),
    },
    "claims": {"place": (0, 1)},
    "claims_by_family": {"place": (0,), "family": ("attention_only", "mlp")},
    "evidence": {"claim": ("a",), "cell": CELLS},
}


def filled(table: Table, cell: str, cells: tuple[str, ...], changing: set[str]) -> list[dict]:
    """Rows with a random number wherever nothing else is said; `changing` are the cells that go
    through a phase change."""
    rng = np.random.default_rng(0)
    result = []
    axes = {name: cells if each is CELLS else each for name, each in AXES[table.name].items()}
    for values in product(*axes.values()):
        row: dict[str, Any] = dict(zip(AXES[table.name], values, strict=True))
        if "way" in row:
            row |= dict(zip(("replacement", "mode", "layer", "head"), row.pop("way"), strict=True))
        if "trial" in row:
            row |= dict(zip(("path", "run", "replacement"), row.pop("trial"), strict=True))
        if "pair" in row:
            row |= dict(zip(("query", "key"), row.pop("pair"), strict=True))
        for column in table.columns:
            if column.name not in row:
                row[column.name] = value(column.type, rng)
        result.append(row | special(table.name, row, {"cell": cell} | row, changing))
    return sorted(result, key=lambda row: [row[name] for name in table.grain])


def value(kind: pa.DataType, rng: np.random.Generator) -> object:
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_boolean(kind):
        return True
    return float(rng.random()) if pa.types.is_floating(kind) else 1


def special(name: str, row: dict, named: dict, changing: set[str]) -> dict:
    """Where numbers are not defined, and names that mean something; `named` has the cell, too."""
    changes = named["cell"] in changing
    nowhere = {key: np.nan for key in row if key.endswith(("_low", "_high", "_tokens"))}
    if name == "heads":
        none = {"qk_trace": np.nan, "qk_positivity": np.nan} if row["layer"] == 0 else {}
        is_induction = changes and row["step"] > 1 and (row["layer"], row["head"]) == (1, 0)
        kind = "induction" if is_induction else "previous_token"
        return {"kind": kind, "smear_gate": np.nan} | none
    if name == "phases" and row["signal"] == "qk_trace":
        return nowhere | {"rise": np.nan, "is_defined": False, "reason": ODD}
    if name == "icl":
        scores = [key.removesuffix("_low") for key in row if key.endswith("_low")]
        ends = (("low", -0.1), ("high", 0.1))
        return {f"{score}_{end}": row[score] + far for score in scores for end, far in ends}
    if name == "phases_windows":
        return {"start_tokens": 512, "end_tokens": 1024, "is_phase_change": changes}
    if name == "readings":
        at = ("first", "start", "end", "last") if changes else ("first", "25 %", "50 %", "last")
        return {"at": at[row["step"]], "circuit": "L0H0>L1H0", "reason": ODD}
    if name == "eval":
        return {"token": 1}
    if name == "documents":
        return {"name": FILE}
    if name == "vocabulary":
        return {"text": TOKEN}
    if name == "attention":
        return {"weight": 255 if row["key"] == 0 else 0}
    if name == "interventions":
        return {"late_short": 3.0 + row["late"] + 0.1 * row["seq"]}
    if name in ("paths", "edge_ablations"):
        # More in-context learning in every sequence, so that there is something to share out.
        return {"late_short": 2.0 + row["seq"], "late": 1.0}
    if any(key in row for key in TOKENS):
        return {key: TOKEN for key in TOKENS if key in row}
    if name == "claims":
        kind, verdict = (("claim", "supported"), ("control", "not tested here"))[row["place"]]
        none = {} if row["place"] == 0 else {"value": np.nan, "low": np.nan, "high": np.nan}
        each = {"claim": "ab"[row["place"]], "kind": kind, "verdict": verdict, "text": ODD}
        rule = {"unit": "share", "reading": f"{ODD} {{}}", "side": "at least", "bound": 0.25}
        return each | rule | none
    if name == "claims_by_family":
        return {"claim": "a", "verdict": "supported"}
    if name == "evidence":
        return {"value": np.nan, "reason": "no head"} if row["cell"] == CELLS[0] else {}
    return {}


def study(folder: Path, cells: tuple[str, ...] = CELLS, changing: tuple[str, ...] = CELLS[1:]):
    """A project in `folder` with every table that the report reads."""
    result = Project(folder)
    named = {
        name: {"model": name.partition("_")[0], "seed": int(name.rpartition("s")[2])}
        for name in cells
    }
    # It gets along with what dvc.yaml declares that it reads.
    result.edit(lambda params: {name: params[name] for name in READS} | {"cells": named})
    for table in stages()["report"].artifacts_read:
        if not isinstance(table, Table):
            continue
        if writer_of(table).per == "suite":
            continue
        for instance in cells if writer_of(table).is_of_cell else [""]:
            file = source_of(table, instance)
            stage, _, cell = file.stage.partition("@")
            each = filled(table, cell, cells, set(changing))
            rows = table.columns_of(each)
            write_table(table, result.folder / file.path, rows, provenance_by(stage, cell))
    manifest = {
        "documents_used": 2,
        "documents_held_out": 1,
        "source": "<i>files</i>",
        "versions": {},
        "train_tokens": 1000,
        "vocab_size": 300,
        "evaluation_sequences": 2,
        "evaluation_tokens": 64,
        "sha256": "0",
        "tokenizer_sha256": "1",
        "left_out": [
            {"reason": "not UTF-8", "count": 1, "is_lost": True, "examples": ["<i>`a`|b</i>.txt"]}
        ],
        "provenance": asdict(provenance_by("corpus")),
    }
    code = code_digests.digests(code_digests.files("report", result.folder), result.folder)
    for name, text in (
        (source_of(MANIFEST, "").path, json.dumps(manifest)),
        (code_digests.planned("report"), code_digests.combine(code)),
    ):
        path = result.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return result

"""What the report says beside its figures: rows of its queries, as the products hold them."""

from dataclasses import asdict

from induction.config.cells import Cell
from induction.report.formatting import short

Rows = list[dict]

METRICS = (
    "icl_final",
    "icl_final_low",
    "icl_final_high",
    "icl_paper_points",
    "icl_paper_low",
    "icl_paper_high",
    "loss_final",
    "loss_final_low",
    "loss_final_high",
    "phase_change",
    "phase_start_tokens",
    "phase_end_tokens",
    "prefix_matching_max",
    "previous_token_max",
    "best_head",
    "previous_token_head",
    "ablation_icl_max",
    "ablation_icl_low",
    "ablation_icl_high",
    "ablation_head",
)
DIGITS = 6
DECIDED = ("supported", "contradicted", "inconclusive")
VERDICTS = (*DECIDED, "not tested here")
REPLACEMENTS, MODES = ("zero", "mean", "resample"), ("full", "pattern")
KINDS = ("claim", "control")


def claims(rows: Rows, evidence: Rows) -> Rows:
    """Every claim with all that table claims says, and its evidence: numbers or null."""
    return [
        {
            **claim,
            "evidence": [
                {key: row[key] for key in ("cell", "seed", "value", "reason")}
                for row in evidence
                if row["claim"] == claim["claim"]
            ],
        }
        for claim in rows
    ]


def verdicts(rows: Rows) -> dict[str, dict[str, int]]:
    """How many claims, and how many controls, have each verdict."""
    counts = {kind: dict.fromkeys(VERDICTS, 0) for kind in KINDS}
    for row in rows:
        counts[row["kind"]][row["verdict"]] += 1
    return counts


def failed(rows: Rows) -> list[str]:
    """The paper's claims that are contradicted."""
    contradicted = [row for row in rows if row["verdict"] == "contradicted"]
    return [row["text"] for row in contradicted if row["kind"] == "claim"]


def metrics(cells: Rows, rows: Rows) -> dict:
    """What metrics.json holds; claims that are not tested count nowhere in it. More digits than
    DIGITS would differ between machines, and stand as changes in every comparison."""
    return {
        "cells": {row["cell"]: {key: short(row[key], DIGITS) for key in METRICS} for row in cells},
        **{
            f"{kind}s": {verdict: counts[verdict] for verdict in DECIDED}
            for kind, counts in verdicts(rows).items()
        },
    }


def carried(interventions: Rows) -> Rows:
    """A row per intervention of the cells shown in detail; of random sets, the mean over draws."""
    merged: dict[tuple[str, str], Rows] = {}
    for row in interventions:
        if row["is_detailed"]:
            merged.setdefault((row["cell"], row["intervention"]), []).append(row)
    return [
        own[0] | {key: _mean([row[key] for row in own]) for key in ("share", "delta_loss")}
        for own in merged.values()
    ]


def _mean(values: list[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None


def removed(removals: Rows) -> dict[tuple[str, str], dict[tuple[str, str], dict]]:
    """Of each head, by cell and name: its rows by replacement and mode."""
    heads_of: dict[tuple[str, str], dict[tuple[str, str], dict]] = {}
    for row in removals:
        own = heads_of.setdefault((row["cell"], row["name"]), {})
        own[row["replacement"], row["mode"]] = row
    return heads_of


def ways(removals: Rows) -> list[tuple[str, str]]:
    """The replacements and modes there are, in the order of the page."""
    there = {(row["replacement"], row["mode"]) for row in removals}
    return [(own, mode) for own in REPLACEMENTS for mode in MODES if (own, mode) in there]


def otherwise(cell: Cell) -> str:
    """What a cell does otherwise than its model and the study, in words."""
    changes = {key: value for key, value in asdict(cell.train).items() if value is not None}
    text = {"corpus": cell.corpus} if cell.corpus else {}
    return ", ".join(f"{key} {value}" for key, value in (text | changes).items())


def circuits(readings: Rows, paths: Rows) -> Rows:
    """The circuit of every cell at the end of training: what it is, what goes without it (`cut`)
    and what it preserves alone (`kept`): rows of `paths`, or None."""
    shares = {
        (row["cell"], row["run"]): row
        for row in paths
        if row["is_last"]
        and row["path"] == "circuit"
        and row["is_shown"]
        and row["share"] is not None
    }
    return [
        row | {run: shares.get((row["cell"], run)) for run in ("cut", "kept")}
        for row in readings
        if row["is_last"]
    ]


def circuit_products(rows: Rows) -> dict[str, dict]:
    """What circuits.json holds, by cell, from the rows of `circuits`."""
    return {
        row["cell"]: {
            "circuit": row["circuit"].split(),
            "reason": row["reason"],
            **{
                f"share_{run}": None
                if row[run] is None
                else [row[run][key] for key in ("share", "share_low", "share_high")]
                for run in ("cut", "kept")
            },
        }
        for row in rows
    }

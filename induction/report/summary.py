"""What the report says beside its figures, from the rows of its queries."""

from dataclasses import asdict
from typing import Any

from induction.config.cells import Cell
from induction.report.formatting import short
from induction.report.rows import Rows
from induction.report.scoreboard import Scoreboard

METRICS = (
    "icl_matched", "icl_matched_low", "icl_matched_high", "icl_final", "icl_final_low",
    "icl_final_high", "icl_paper_points", "icl_paper_low", "icl_paper_high", "loss_final",
    "loss_final_low", "loss_final_high", "phase_change", "phase_start_tokens", "phase_end_tokens",
    "prefix_matching_max", "previous_token_max", "best_head", "best_head_icl", "best_head_icl_low",
    "best_head_icl_high", "previous_token_head",
    "ablation_icl_max", "ablation_icl_low", "ablation_icl_high", "ablation_head",
)  # fmt: skip
DIGITS = 6
DECIDED = ("supported", "contradicted", "inconclusive")
VERDICTS: tuple[str, ...] = (*DECIDED, "not tested here")
REPLACEMENTS, MODES = ("zero", "mean", "resample"), ("full", "pattern")
KINDS = ("claim", "control")
SHARE = ("share", "share_low", "share_high")
# What rows of claims have for the page alone.
DRAWN = ("words", "strip", "name")


def claims_json(claims: Rows, board: Scoreboard) -> Rows:
    """Every claim with all columns of table claims, the sentences that the page has of it, what
    holds of models with and without MLPs alone, and its evidence: numbers or null."""
    said = {row["claim"]: row for row in board.rows}

    def rows(claim: dict, key: str) -> Rows:
        left_out = ("claim", "place", *DRAWN)
        return [
            {k: v for k, v in row.items() if k not in left_out} for row in said[claim["claim"]][key]
        ]

    return [
        claim
        | {key: said[claim["claim"]][key] for key in ("says", "why")}
        | {"families": rows(claim, "parts"), "evidence": rows(claim, "evidence")}
        for claim in claims
    ]


def verdicts(claims: Rows) -> dict[str, dict[str, int]]:
    """How many claims, and how many controls, have each verdict."""
    counts = {kind: dict.fromkeys(VERDICTS, 0) for kind in KINDS}
    for claim in claims:
        counts[claim["kind"]][claim["verdict"]] += 1
    return counts


def contradicted(claims: Rows) -> list[str]:
    """The texts of the paper's claims that are contradicted."""
    failed = [claim for claim in claims if claim["verdict"] == "contradicted"]
    return [claim["text"] for claim in failed if claim["kind"] == "claim"]


def metrics_json(cells: Rows, claims: Rows) -> dict[str, Any]:
    """Claims that are not tested count nowhere in it. More digits than DIGITS would differ
    between machines, and stand as changes in every comparison."""
    return {
        "cells": {row["cell"]: {key: short(row[key], DIGITS) for key in METRICS} for row in cells},
        **{
            f"{kind}s": {verdict: counts[verdict] for verdict in DECIDED}
            for kind, counts in verdicts(claims).items()
        },
    }


def mean_over_draws(interventions: Rows) -> Rows:
    """A row per intervention of the cells shown in detail; of random sets, the mean over draws."""
    draws: dict[tuple[str, str], Rows] = {}
    for row in interventions:
        if row["is_detailed"]:
            draws.setdefault((row["cell"], row["intervention"]), []).append(row)
    return [
        rows[0] | {key: _mean([row[key] for row in rows]) for key in ("share", "delta_loss")}
        for rows in draws.values()
    ]


def _mean(values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None


def removals_of_heads(removals: Rows) -> dict[tuple[str, str], dict[tuple[str, str], dict]]:
    """By cell and name of a head: its rows by replacement and mode."""
    heads: dict[tuple[str, str], dict[tuple[str, str], dict]] = {}
    for row in removals:
        heads.setdefault((row["cell"], row["name"]), {})[row["replacement"], row["mode"]] = row
    return heads


def ablation_kinds(removals: Rows) -> list[tuple[str, str]]:
    """The replacements and modes there are, in the order of the page."""
    used = {(row["replacement"], row["mode"]) for row in removals}
    return [
        (replacement, mode)
        for replacement in REPLACEMENTS
        for mode in MODES
        if (replacement, mode) in used
    ]


def variation(cell: Cell) -> str:
    """How a cell differs from its model and the study, in words."""
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


def circuits_json(circuits: Rows) -> dict[str, dict]:
    """By cell, from the rows of `circuits`."""
    return {
        row["cell"]: {
            "circuit": row["circuit"].split(),
            "reason": row["reason"],
            **{
                f"share_{run}": row[run] and [row[run][key] for key in SHARE]
                for run in ("cut", "kept")
            },
        }
        for row in circuits
    }

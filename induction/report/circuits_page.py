"""What the script of circuits.html reads: every head of every checkpoint read, as JSON."""

from typing import Any

from induction.report import index_page
from induction.report.figures.figure import Figure
from induction.report.formatting import part_name, short, with_visible_spaces
from induction.report.rendering import encode
from induction.report.rows import Results

# Digits that a reader can see.
DIGITS = 4
HEAD_COLUMNS = (
    "kind", "prefix_matching", "previous_token", "by_position", "ov_positivity", "ov_diagonal",
    "ov_above", "ov_rank", "qk_diagonal", "qk_above", "qk_rank", "inexact", "inexact_position",
)  # fmt: skip
EDGE_COLUMNS = (
    "edge", "receiver_input", "k_diagonal", "k_above", "k_composition", "k_high", "q_composition",
    "q_high", "v_composition", "v_high", "icl_lost", "icl_lost_low", "icl_lost_high", "share",
    "is_circuit",
)  # fmt: skip


def script_data(results: Results, figures: list[Figure]) -> dict[str, Any]:
    """`figures` are those of the page."""
    queries = {figure.name: figure.query if figure.has_csv else "" for figure in figures}
    return {
        "cells": readings(results),
        "queries": queries,
        "tables": index_page.tables(results, filter(None, queries.values())),
    }


def readings(results: Results) -> dict[str, Any]:
    """By cell: the tokens shown, and what was read at each checkpoint, heads by their names."""
    cells = index_page.readings(results, _visible, "step", "tokens", "at", "circuit", "reason")
    at: dict[tuple[str, int], dict] = {}
    for name, cell in cells.items():
        for reading in cell["readings"]:
            reading |= {"heads": {}, "edges": [], "direct": [], "parts": [], "lens": []}
            at[name, reading["step"]] = reading

    def rows_and_readings(name: str) -> list[tuple[dict, dict]]:
        rows = results[f"circuit_{name}"]
        return [(row, at[key]) for row in rows if (key := (row["cell"], row["step"])) in at]

    def rows_and_heads(name: str) -> list[tuple[dict, dict]]:
        return [
            (row, reading["heads"][f"L{row['layer']}H{row['head']}"])
            for row, reading in rows_and_readings(name)
        ]

    for row, reading in rows_and_readings("heads"):
        reading["heads"][row["name"]] = _picked(row, *HEAD_COLUMNS) | {
            "ov": [], "qk": [], "trigrams": [], "bugs": [], "attention": {},
        }  # fmt: skip
    for row, reading in rows_and_readings("edges"):
        reading["edges"].append(_picked(row, *EDGE_COLUMNS))
    for row, reading in rows_and_readings("attribution"):
        part = part_name(row["layer"], row["part"])
        reading["parts"].append([row["span"], part, *_values(row, "logit", "difference")])
    for row, reading in rows_and_readings("lens"):
        reading["lens"].append([row["span"], row["after"], *_values(row, "loss", "accuracy", "kl")])
    for row, reading in rows_and_readings("direct"):
        reading["agreement"] = _picked(
            row, "kl", "kl_unigram", "rank_correlation", "same_first", "inexact"
        )
    for row, reading in rows_and_readings("tokens"):
        by_path = _pairs(row["by_path"], row["probability"])
        by_text = _pairs(row["by_text"], row["share"])
        reading["direct"].append([with_visible_spaces(row["source"]), by_path, by_text])
    for row, head in rows_and_heads("entries"):
        entry = [with_visible_spaces(row["token"]), _pairs(row["others"], row["nats"])]
        head[row["circuit"]].append(entry)
    for row, head in rows_and_heads("eigenvalues"):
        head["eigenvalues"] = _values(row, "re", "im")
    for row, head in rows_and_heads("offsets"):
        head["offsets"] = _values(row, "by_position", "measured")
    for row, head in rows_and_heads("attention"):
        head["attention"][row["probe"]] = encode(bytes(row["weights"]))
    for name in ("trigrams", "bugs"):
        for row, head in rows_and_heads(name):
            tokens = _visible([row[key] for key in ("source", "destination", "out")])
            numbers = _values(row, "effect", "seen", "pairs", "lift")
            head[name].append([row.get("role", row.get("example")), *tokens, *numbers])
    return cells


def _picked(row: dict, *keys: str) -> dict[str, Any]:
    return {key: short(row[key], DIGITS) for key in keys}


def _values(row: dict, *keys: str) -> list:
    return list(_picked(row, *keys).values())


def _pairs(names: list[str], values: list[float]) -> list[list]:
    pairs = zip(_visible(names), values, strict=True)
    return [[name, short(value, DIGITS)] for name, value in pairs]


def _visible(tokens: list[str]) -> list[str]:
    return [with_visible_spaces(token) for token in tokens]

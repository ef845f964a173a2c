"""What the page of circuits lets one look at: every head of every checkpoint read, as JSON."""

import base64
import hashlib
import json
from typing import Any

from induction.report.figures.weights import part_name, spelled
from induction.report.formatting import short

Rows = list[dict]
# Digits that a reader can see.
DIGITS = 4


def explored(found: dict[str, Rows]) -> dict[str, Any]:
    """By cell: its tokens shown, and by checkpoint what was read; heads by name within each."""
    cells: dict[str, dict] = {}
    for row in found["circuit_readings"]:
        if row["is_detailed"]:
            own = cells.setdefault(row["cell"], {"shown": {}, "readings": []})
            own["readings"].append(
                {
                    **{key: row[key] for key in ("step", "tokens", "at", "circuit", "reason")},
                    "heads": {},
                    "edges": [],
                    "direct": [],
                    "parts": [],
                    "lens": [],
                }
            )
    for row in found["circuit_shown"]:
        cells[row["cell"]]["shown"][row["probe"]] = [spelled(token) for token in row["tokens"]]
    readings = {
        (cell, reading["step"]): reading
        for cell, own in cells.items()
        for reading in own["readings"]
    }

    def of_reading(name: str) -> list[tuple[dict, dict]]:
        rows = found[f"circuit_{name}"]
        return [
            (row, readings[key]) for row in rows if (key := (row["cell"], row["step"])) in readings
        ]

    def of_head(name: str) -> list[tuple[dict, dict]]:
        return [
            (row, reading["heads"][f"L{row['layer']}H{row['head']}"])
            for row, reading in of_reading(name)
        ]

    for row, reading in of_reading("heads"):
        kept = (
            "kind", "prefix_matching", "previous_token", "by_position", "ov_positivity",
            "ov_diagonal", "ov_above", "ov_rank", "qk_diagonal", "qk_above", "qk_rank",
            "inexact", "inexact_position",
        )  # fmt: skip
        reading["heads"][row["name"]] = {
            **{key: _short(row[key]) for key in kept},
            "ov": [], "qk": [], "trigrams": [], "bugs": [], "attention": {},
        }  # fmt: skip
    for row, reading in of_reading("edges"):
        kept = (
            "edge", "receiver_input", "k_diagonal", "k_above", "k_composition", "k_high",
            "q_composition", "q_high", "v_composition", "v_high", "icl_lost", "icl_lost_low",
            "icl_lost_high", "share", "is_circuit",
        )  # fmt: skip
        reading["edges"].append({key: _short(row[key]) for key in kept})
    for row, reading in of_reading("attribution"):
        part = part_name(row["layer"], row["part"])
        reading["parts"].append(
            [row["span"], part, _short(row["logit"]), _short(row["difference"])]
        )
    for row, reading in of_reading("lens"):
        numbers = [_short(row[key]) for key in ("loss", "accuracy", "kl")]
        reading["lens"].append([row["span"], row["after"], *numbers])
    for row, reading in of_reading("direct"):
        kept = ("kl", "kl_unigram", "rank_correlation", "same_first", "inexact")
        reading["agreement"] = {key: _short(row[key]) for key in kept}
    for row, reading in of_reading("tokens"):
        reading["direct"].append(
            [
                spelled(row["source"]),
                _pairs(row["by_path"], row["probability"]),
                _pairs(row["by_text"], row["share"]),
            ]
        )
    for row, head in of_head("entries"):
        head[row["circuit"]].append([spelled(row["token"]), _pairs(row["others"], row["nats"])])
    for row, head in of_head("eigenvalues"):
        head["eigenvalues"] = [_short(row["re"]), _short(row["im"])]
    for row, head in of_head("offsets"):
        head["offsets"] = [_short(row["by_position"]), _short(row["measured"])]
    for row, head in of_head("attention"):
        head["attention"][row["probe"]] = base64.b64encode(bytes(row["weights"])).decode()
    for name in ("trigrams", "bugs"):
        for row, head in of_head(name):
            named = [spelled(row[key]) for key in ("source", "destination", "out")]
            numbers = [_short(row[key]) for key in ("effect", "seen", "pairs", "lift")]
            head[name].append([row.get("role", row.get("example")), *named, *numbers])
    return cells


def _short(value: Any) -> Any:
    return short(value, DIGITS)


def _pairs(names: list[str], values: list[float]) -> list[list]:
    return [[spelled(name), _short(value)] for name, value in zip(names, values, strict=True)]


def script_data(data: Any) -> str:
    """JSON that may stand in a script element: tokens come from arbitrary text, and nothing in it
    may end the element or begin a comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def content_hash(text: str) -> str:
    """What a content-security policy calls an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

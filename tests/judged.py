"""Rows of the tables of claims, as a study with three seeds leaves them."""

MEASURED = {"value": 0.6, "low": 0.5, "high": 0.7}


def row(claim: str, **changed) -> dict:
    """A row of table claims; what is not said is that of a claim that is supported."""
    return {
        "place": 0,
        "claim": claim,
        "kind": "claim",
        "section": "Argument 1",
        "text": f"It is {claim}.",
        "statistic": "share of all",
        "unit": "share",
        "reading": "It takes {} of all",
        "rule": "at least 0.5, 3 seeds",
        "side": "at least",
        "bound": 0.5,
        "seeds_asked": 3,
        "seeds": 3,
        **MEASURED,
        "seeds_low": 0.52,
        "seeds_high": 0.68,
        "text_low": 0.55,
        "text_high": 0.65,
        "verdict": "supported",
        "reason": "",
        "decides": "",
        "cells": "attn2_s0",
    } | changed


def part(claim: str, family: str, **changed) -> dict:
    """A row of table claims_by_family."""
    of_rule = ("kind", "section", "text", "statistic", "unit", "reading", "rule", "side", "bound")
    whole = row(claim, **changed)
    kept = {k: v for k, v in whole.items() if k not in (*of_rule, "seeds_asked")}
    return kept | {"family": family}


def cell(claim: str, name: str, **changed) -> dict:
    """A row of table evidence."""
    return {"claim": claim, "cell": name, "seed": 0, **MEASURED, "reason": ""} | changed


NOTHING = dict.fromkeys(
    ("value", "low", "high", "seeds_low", "seeds_high", "text_low", "text_high")
)

"""From values per seed to a verdict, by a rule that was fixed before."""

import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from induction.claims.registry import DEFINITIONS, ClaimDefinition
from induction.claims.statistics import Evidence
from induction.config.claims import ClaimSettings, Rule
from induction.stats.student import student_interval

Verdict = Literal["supported", "contradicted", "inconclusive", "not tested here"]


@dataclass(frozen=True)
class Finding:
    """Mean over seeds with its interval, NaN where there are too few; and what follows.

    The reason also says of which cells a statistic has no value, whatever the verdict.
    """

    value: float
    low: float
    high: float
    verdict: Verdict
    reason: str


def decide(values: Float[np.ndarray, "seed"], rule: Rule, level: float, undefined: str) -> Finding:
    """Supported where the whole interval lies on the rule's side of its bound, contradicted where
    none of it does, else inconclusive; so, too, with fewer seeds than the rule asks for.

    Seeds are the replicates: sequences, heads and models of one seed share its text and its
    luck. Three seeds make a wide interval, which is what three seeds are worth. It is conditional
    on the evaluation set, whose sampling error is common to all seeds, and not in it.

    A rule that asks for one seed is decided by the value, if there is but one. `undefined` says
    which cells have no value, and why.
    """
    if len(values) == 0:
        return Finding(math.nan, math.nan, math.nan, "inconclusive", undefined)
    value, (low, high) = float(values.mean()), student_interval(values, level)
    ends = [value] if math.isnan(low) else [low, high]
    holds = [end >= rule.bound if rule.side == "at least" else end <= rule.bound for end in ends]
    verdict, doubt = "inconclusive", "the interval reaches to both sides"
    if len(values) < rule.seeds:
        doubt = f"{len(values)} of {rule.seeds} seeds"
    elif all(holds) or not any(holds):
        verdict, doubt = "supported" if all(holds) else "contradicted", ""
    return Finding(value, low, high, verdict, "; ".join(filter(None, (doubt, undefined))))


def untested(reason: str) -> Finding:
    return Finding(math.nan, math.nan, math.nan, "not tested here", reason)


def spelled(rule: Rule) -> str:
    """A rule as people read it."""
    return f"{rule.side} {rule.bound:g}, {rule.seeds} seed{'s' * (rule.seeds != 1)}"


def scoreboard(evidence: list[Evidence], claims: ClaimSettings) -> list[dict[str, Any]]:
    """Every claim with its verdict, as rows of table `claims`, in the order of the page."""
    entries: dict[str, list[Evidence]] = defaultdict(list)
    for entry in evidence:
        entries[entry.claim].append(entry)
    return [
        {"place": place, **_judged(claim, entries[claim.name], claims)}
        for place, claim in enumerate(DEFINITIONS)
    ]


def _judged(
    claim: ClaimDefinition, evidence: list[Evidence], claims: ClaimSettings
) -> dict[str, Any]:
    of_seed: dict[int, list[float]] = defaultdict(list)
    for entry in evidence:
        if not entry.reason:
            of_seed[entry.seed].append(entry.value)
    values = np.array([np.mean(values) for _, values in sorted(of_seed.items())])
    reasons = [entry.reason for entry in evidence if entry.reason]
    undefined = f"not defined in {len(reasons)} of {len(evidence)} cells: "
    undefined = undefined + "; ".join(sorted({*reasons})) if reasons else ""
    rule = None if claim.reason else claims.rules[claim.name]
    if rule is None or not evidence:
        finding = untested(claim.reason or "no cell of this grid decides about it")
    else:
        finding = decide(values, rule, claims.interval, undefined)
    return {
        "claim": claim.name,
        "kind": claim.kind,
        "section": claim.section,
        "text": claim.text,
        "statistic": claim.statistic,
        "rule": spelled(rule) if rule else "",
        "seeds": len(values),
        **asdict(finding),
        "cells": " ".join(entry.cell for entry in evidence if not entry.reason),
    }

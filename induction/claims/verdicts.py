"""From values per seed to a verdict, by a rule that was fixed before."""

import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from induction.claims.deciding import counted, value_first, what_would_decide
from induction.claims.definition import TEXT, UNBOUNDED, Bounds, ClaimDefinition, Sample
from induction.claims.registry import DEFINITIONS
from induction.claims.statistics import Evidence
from induction.config.claims import ClaimSettings, Rule
from induction.stats.crossed import crossed_interval
from induction.stats.intervals import resampled_interval

Verdict = Literal["supported", "contradicted", "inconclusive", "not tested here"]
# Families of models that claims about deeper models are about, together and apart.
APART = ("attention_only", "mlp")


@dataclass(frozen=True)
class Finding:
    """Mean over seeds with its intervals, NaN where there are none; and what follows.

    `low` and `high` are of both errors, the others of one: over seeds, and over the sequences of
    the evaluation set. The reason also says of which cells a statistic has no value, whatever the
    verdict. Only what is inconclusive has a sentence on what would decide it.
    """

    verdict: Verdict
    reason: str
    decides: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds_low: float = math.nan
    seeds_high: float = math.nan
    text_low: float = math.nan
    text_high: float = math.nan


def decide(
    values: Float[np.ndarray, "seed draw"],
    rule: Rule,
    level: float,
    undefined: str,
    bounds: Bounds = UNBOUNDED,
    sample: Sample = TEXT,
) -> Finding:
    """Supported where the whole interval lies on the rule's side of its bound, contradicted where
    none of it does, else inconclusive; so, too, with fewer seeds than the rule asks for.

    Seeds are replicates, and so are the sequences of the evaluation set, which are the same for
    all seeds: the interval has both errors, as `crossed_interval` puts them together. Three seeds
    make a wide interval, which is what three seeds are worth. Cells of one seed share its text
    and its luck: their mean counts once.

    A rule that asks for one seed is decided by the error of the evaluation set, if there is but
    one; by the value itself where that has none, as a count of heads by their kinds. Ends are cut
    to `bounds`, between which a statistic lies. `undefined` says which cells have no value,
    `sample` where the error beside that of the seeds comes from.
    """
    if len(values) == 0:
        return Finding("inconclusive", undefined, value_first(undefined))
    value = float(values[:, 0].mean())
    intervals = crossed_interval(values, level)
    over_seeds, over_text, (low, high) = (np.clip(ends, *bounds).tolist() for ends in intervals)
    ends = [value] if math.isnan(low) else [low, high]
    holds = [end >= rule.bound if rule.side == "at least" else end <= rule.bound for end in ends]
    verdict, doubt, decides = "inconclusive", "the interval reaches to both sides", ""
    if len(values) < rule.seeds:
        doubt = f"{len(values)} of {rule.seeds} seeds"
    elif all(holds) or not any(holds):
        verdict, doubt = "supported" if all(holds) else "contradicted", ""
    if verdict == "inconclusive":
        decides = what_would_decide(values[:, 0], intervals[1], rule, level, sample)
    reason = "; ".join(filter(None, (doubt, undefined)))
    return Finding(verdict, reason, decides, value, low, high, *over_seeds, *over_text)


def untested(reason: str) -> Finding:
    return Finding("not tested here", reason)


def spelled(rule: Rule) -> str:
    """A rule as people read it."""
    return f"{rule.side} {rule.bound:g}, {counted(rule.seeds, 'seed')}"


def scoreboard(evidence: list[Evidence], claims: ClaimSettings) -> list[dict[str, Any]]:
    """Every claim with its verdict, as rows of table `claims`, in the order of the page."""
    entries = _by_claim(evidence)
    return [
        {
            "place": place,
            "kind": claim.kind,
            "section": claim.section,
            "text": claim.text,
            "statistic": claim.statistic,
            "unit": claim.unit,
            "reading": claim.reading,
            **_rule(claims.rules[claim.name] if not claim.reason else None),
            **_judged(claim, entries[claim.name], claims),
        }
        for place, claim in enumerate(DEFINITIONS)
    ]


def by_family(evidence: list[Evidence], claims: ClaimSettings) -> list[dict[str, Any]]:
    """What is claimed of models with and without MLPs, judged on either alone by the same rule."""
    entries, rows = _by_claim(evidence), []
    for place, claim in enumerate(DEFINITIONS):
        of_family = {
            family: [entry for entry in entries[claim.name] if entry.family == family]
            for family in APART
        }
        if all(of_family.values()):
            rows += [
                {"place": place, "family": family, **_judged(claim, each, claims)}
                for family, each in of_family.items()
            ]
    return rows


def evidence_rows(evidence: list[Evidence], claims: ClaimSettings) -> list[dict[str, Any]]:
    """Every cell's value with the interval of its evaluation set, as rows of table `evidence`."""
    bounds = {claim.name: claim.bounds for claim in DEFINITIONS}
    rows = []
    for entry in evidence:
        ends = np.clip(resampled_interval(entry.values, claims.interval), *bounds[entry.claim])
        row = {name: getattr(entry, name) for name in ("claim", "cell", "seed", "reason")}
        rows.append(
            row | dict(zip(("value", "low", "high"), (entry.values[0], *ends), strict=True))
        )
    return rows


def _rule(rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"rule": "", "side": "", "bound": math.nan, "seeds_asked": 0}
    asked = {"side": rule.side, "bound": rule.bound, "seeds_asked": rule.seeds}
    return {"rule": spelled(rule), **asked}


def _by_claim(evidence: list[Evidence]) -> dict[str, list[Evidence]]:
    entries: dict[str, list[Evidence]] = defaultdict(list)
    for entry in evidence:
        entries[entry.claim].append(entry)
    return entries


def _judged(
    claim: ClaimDefinition, evidence: list[Evidence], claims: ClaimSettings
) -> dict[str, Any]:
    defined = [entry for entry in evidence if not entry.reason]
    values = means_of_seeds(defined)
    reasons = [entry.reason for entry in evidence if entry.reason]
    undefined = f"not defined in {len(reasons)} of {len(evidence)} cells: "
    undefined = undefined + "; ".join(sorted({*reasons})) if reasons else ""
    if claim.reason or not evidence:
        finding = untested(claim.reason or "the runs that could decide it are not in this report")
    else:
        rule = claims.rules[claim.name]
        finding = decide(values, rule, claims.interval, undefined, claim.bounds, claim.sample)
    return {
        "claim": claim.name,
        "seeds": len(values),
        **asdict(finding),
        "cells": " ".join(entry.cell for entry in defined),
    }


def means_of_seeds(evidence: list[Evidence]) -> Float[np.ndarray, "seed draw"]:
    """The mean over the cells of each seed, in every draw.

    A cell that has draw 0 alone has the same in every other.
    """
    n_draws = max((len(entry.values) for entry in evidence), default=1)
    of_seed: dict[int, list[np.ndarray]] = defaultdict(list)
    for entry in evidence:
        of_seed[entry.seed].append(np.broadcast_to(entry.values, n_draws))
    means = [np.mean(values, axis=0) for _, values in sorted(of_seed.items())]
    return np.array(means).reshape(-1, n_draws)

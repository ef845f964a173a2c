"""What would decide a claim that is inconclusive, in plain words."""

import math
import re

import numpy as np
from jaxtyping import Float

from induction.claims.definition import Sample
from induction.config.claims import Rule
from induction.stats.needed import MOST, Needed, Spread, needed

# By how the reason begins for which a statistic has no value: what would give it one.
REMEDIES = {
    "not resolvable": "It takes more evaluation sequences, or models in which this is clearly more "
    "than zero.",
    "the phase rule finds no change": "It takes models that go through the change, for which the "
    "training may have to be longer.",
    "layer ": "It takes models with more heads in a layer.",
}


# As `shortage` of induction/interp/interventions.py says it.
SHORTAGE = re.compile(r"(layer \d+) has (\d+) heads? of no kind, the set has (\d+)")


def in_full(reason: str) -> str:
    """A reason of the tables of heads, in words that do not ask for their terms."""
    return SHORTAGE.sub(
        r"\1 has too few heads that are neither induction nor previous-token nor positional heads: "
        r"\2, and a random set takes \3",
        reason,
    )


def value_first(reason: str) -> str:
    """Where no cell has a value: `reason` names the cells and says why."""
    why = _once(reason.partition(": ")[2] or reason)
    remedies = [remedy for start, remedy in REMEDIES.items() if why.startswith(start)]
    return f"There is no value to judge: {why}. " + (
        remedies[0] if remedies else "It takes models of which this is not so."
    )


def _once(reasons: str) -> str:
    """Reasons of several cells that differ in a number alone: what they share stands once."""
    first, *others = reasons.split("; ")
    shared = "".join(first.rpartition(" is ")[:2])
    return "; ".join([first, *(each.removeprefix(shared) for each in others)])


def what_would_decide(
    values: Float[np.ndarray, "seed"],
    over_sequences: tuple[float, float],
    rule: Rule,
    level: float,
    sample: Sample,
) -> str:
    """Of a claim with a value per seed: seeds, or sequences, or both.

    `over_sequences` is the interval of the mean over sequences alone, NaN if it has no such error.
    """
    mean, seeds = float(values.mean()), len(values)
    holds = mean >= rule.bound if rule.side == "at least" else mean <= rule.bound
    # The bound lies below a mean that reaches up to it, and above one that does not.
    reach = (
        mean - over_sequences[0]
        if holds == (rule.side == "at least")
        else (over_sequences[1] - mean)
    )
    spread = Spread(
        distance=abs(mean - rule.bound),
        seeds=seeds,
        of_seeds=float(values.std(ddof=1)) if seeds > 1 else math.nan,
        of_sequences=0.0 if math.isnan(reach) else max(reach, 0.0),
    )
    answer = needed(spread, rule.seeds, level)
    verdict = "supported" if holds else "contradicted"
    if seeds == 1 and rule.seeds > 1:
        return _more_than_one(answer, spread, rule, sample, verdict)
    return _as_they_are(answer, spread, rule, sample, verdict)


def _more_than_one(
    answer: Needed | None, spread: Spread, rule: Rule, sample: Sample, verdict: str
) -> str:
    """One seed says nothing of others, so that all is said of seeds that are like it."""
    such = counted(rule.seeds, "such seed")
    if answer is None and spread.distance == 0:
        return f"The value is the bound itself: {such} would not decide it."
    if answer is None:
        return (
            f"Even with {such} the interval would reach both sides: the value is so near the "
            f"bound that {MOST:,} times as many {sample} would not change that."
        )
    if answer.times == 1:
        more = rule.seeds - 1
        return f"Only one seed has a value. With {more} more like it, it would be {verdict}."
    return (
        f"Even with {such} the interval would reach both sides: it takes about {answer.times:g} "
        f"times as many {sample}, too."
    )


def _as_they_are(
    answer: Needed | None, spread: Spread, rule: Rule, sample: Sample, verdict: str
) -> str:
    if answer is None and spread.distance == 0:
        return (
            "The mean is the bound itself: as long as it stays there, no number of seeds decides."
        )
    if answer is None:
        more = f", and {MOST:,} times the {sample}," if spread.of_sequences else ""
        return (
            f"No number of seeds will decide it soon: the mean is so near the bound that {MOST:,} "
            f"seeds{more} would not do."
        )
    about = "" if answer.seeds == rule.seeds else "about "
    needs = [f"about {answer.times:g} times the {sample}"] if answer.times > 1 else []
    if answer.seeds > spread.seeds:
        needs.append(f"values of {about}{answer.seeds} seeds instead of {spread.seeds}")
    says = " and ".join(needs)
    says = f"{says[0].upper()}{says[1:]} would decide it, if mean and spread stay as they are: "
    says += f"it would then be {verdict}."
    if answer.times > 1 and spread.seeds > 1:
        says += f" Seeds alone would not do, because all are measured on the same {sample}."
    return says


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"

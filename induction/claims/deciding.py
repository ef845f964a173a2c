"""What would decide a claim that is inconclusive, in plain words."""

import math

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


def value_first(reason: str) -> str:
    """Where no cell has a value: `reason` names the cells and says why."""
    why = reason.partition(": ")[2] or reason
    remedies = [remedy for start, remedy in REMEDIES.items() if why.startswith(start)]
    return f"There is no value to judge: {why}. " + (
        remedies[0] if remedies else "It takes models of which this is not so."
    )


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
    if seeds == 1 and rule.seeds > 1:
        return _more_than_one(answer, spread, rule, sample)
    asked = f"The rule asks for {rule.seeds} seeds, and there are {seeds}. "
    verdict = "supported" if holds else "contradicted"
    return asked * (seeds < rule.seeds) + _as_they_are(answer, spread, rule, sample, verdict)


def _more_than_one(answer: Needed | None, spread: Spread, rule: Rule, sample: Sample) -> str:
    """One seed says nothing of others, so that no verdict is promised."""
    more = counted(rule.seeds - 1, "more seed")
    asked = f"It takes {more}: the rule asks for {rule.seeds}, and there is one."
    if answer is None and spread.distance == 0:
        return f"{asked} Its value is the bound itself: if the mean stays there, nothing decides."
    if answer is None:
        return (
            f"{asked} If the others are like it, that will not do: it is so near the bound that "
            f"{MOST:,} times the {sample} would not decide."
        )
    if answer.times == 1:
        return asked
    return (
        f"{asked} If the others are like it, that will not do: it takes about {answer.times:g} "
        f"times the {sample}, too."
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
        needs.append(f"{about}{answer.seeds} seeds in place of {spread.seeds}")
    says = " and ".join(needs)
    says = f"{says[0].upper()}{says[1:]} would decide it, if mean and spread stay as they are: "
    says += f"it would then be {verdict}."
    if answer.times > 1 and spread.seeds > 1:
        says += f" Seeds alone would not do, because all are measured on the same {sample}."
    return says


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"

"""The answer in five plain sentences about models in words, and what limits it.

Cell names, intervals and every seed stand in the table below them on the page.
"""

from statistics import fmean
from typing import Any

from induction.config.phases import PhaseSettings
from induction.report.findings import CellFindings, ModelFindings, missed_rules
from induction.report.formatting import fixed, listed
from induction.report.rows import Rows
from induction.report.wording import counted, joined, plural

Models = list[ModelFindings]


def sentences(
    models: Models, variations: Models, rule: PhaseSettings, verdicts: dict[str, int]
) -> list[str]:
    """Five sentences; where there is no change they say so.

    `models` are those shown in detail, `variations` all others, `verdicts` counts the paper's
    claims by verdict, `rule` is what makes a phase change.
    """
    return [
        _which(models, variations, rule),
        _when(models, rule),
        _heads(models),
        _carried(models),
        _claims(verdicts, max(len(model.cells) for model in models)),
    ]


def failed_controls(claims: Rows) -> str:
    """What stands above all results: the controls that are contradicted; empty if there is none.
    Rows of table claims, or of claims.json."""
    failed = _controls(claims, "contradicted")
    if not failed:
        return ""
    if len(failed) == 1:
        return f"A control failed: {failed[0]}. Claims that rest on it say little."
    return f"{len(failed)} controls failed: {listed(failed)}. Claims that rest on them say little."


def undecided_controls(claims: Rows) -> str:
    """The controls that are inconclusive, which stands below the results; empty if none is."""
    undecided = _controls(claims, "inconclusive")
    count = f"{len(undecided)} controls are" if len(undecided) > 1 else "A control is"
    return f"{count} inconclusive: {listed(undecided)}." if undecided else ""


def _controls(claims: Rows, verdict: str) -> list[str]:
    return [
        f"“{row['text'].rstrip('.')}”"
        for row in claims
        if row["kind"] == "control" and row["verdict"] == verdict
    ]


def _which(models: Models, variations: Models, rule: PhaseSettings) -> str:
    changed = [m for m in models if len(m.changed) == len(m.cells)]
    partly = [m for m in models if m.changed and m not in changed]
    still = [m for m in models if not m.changed]
    gradual = [m for m in still if all(cell.is_gradual(rule) for cell in m.cells)]
    flat = [m for m in still if not any(cell.is_gradual(rule) for cell in m.cells)]
    mixed = [m for m in still if m not in gradual and m not in flat]
    places = [f"in {_named(changed)}"] if changed else []
    places += [
        f"in {_seeds(len(m.changed), len(m.cells))} of {plural(m.kind)} ({_misses(m, rule)})"
        for m in partly
    ]
    parts = []
    if places:
        # With a comma, as the models of one place are joined by `and` already.
        where = ", ".join([*places[:-1], f"and {places[-1]}"] if places[1:] else places)
        parts.append(
            f"in-context learning appears within one window of training, a phase change, {where}"
        )
    it = "it" if places else "in-context learning"
    if gradual:
        parts.append(f"{it} grows without such a window in {_named(gradual)}")
    parts += [f"{it} grows without such a window in some seeds of {plural(m.kind)}" for m in mixed]
    if flat:
        of_it = "of it" if parts else "in-context learning"
        parts.append(f"{_named(flat)} gain little {of_it} ({_ends(flat)} nats at the end)")
    text = "; ".join(parts)
    if not places:
        text = f"No model goes through a phase change: {text}"
    text = text[0].upper() + text[1:]
    if variations:
        count = sum(bool(m.changed) for m in variations)
        some = f"{counted(count)} show" if count != 1 else "one shows"
        text += f"; of {counted(len(variations))} variations and controls {some} such a change"
    return f"{text}."


def _when(models: Models, rule: PhaseSettings) -> str:
    changed = [m for m in models if m.changed]
    if not changed:
        best = max(_every(models), key=lambda cell: cell.window["icl_drop"])
        return (
            "The largest fall of in-context learning within one window is "
            f"{best.window['icl_drop']:.2f} nats; a phase change takes {rule.min_drop:g} nats, "
            "with an interval below zero."
        )
    parts = []
    for model in changed:
        first, last = (
            fmean([cell.window[at] for cell in model.changed]) / 1e6
            for at in ("start_tokens", "end_tokens")
        )
        parts.append(f"from {first:.2f} to {last:.2f} million in {plural(model.kind)}")
    several = any(len(model.changed) > 1 for model in changed)
    start = "On average over the seeds that change, the" if several else "The"
    return f"{start} window lasts, in training tokens, {listed(parts)}."


def _heads(models: Models) -> str:
    leading = lead(models)
    if leading is None:
        best = max(_every(models), key=lambda cell: cell.scores["prefix_matching_max"])
        return (
            "No head of these models ends as an induction head: the highest share of attention "
            "on the token after an earlier occurrence of the current one is "
            f"{best.scores['prefix_matching_max']:.2f}."
        )
    best = [cell.heads[0]["prefix_matching"] for cell in leading.cells if cell.heads]
    name = leading.first.heads[0]["name"]
    where = "In that window induction" if leading.changed else "Induction"
    ends = _range(best, "%.2f")
    which = f"the best head of the {leading.kind}, {name}, ends with {ends} of its"
    if len(leading.cells) > 1:
        heads = f"the best heads of {plural(leading.kind)}"
        which = f"{heads} ({name}{_and_seeds(leading)}) end with {ends} of their"
    text = (
        f"{where} heads form: on random tokens, {which} attention on tokens that come right after "
        "an earlier copy of the current one"
    )
    without = [m for m in models if not any(cell.heads for cell in m.cells)]
    if without:
        most = max(cell.scores["prefix_matching_max"] for cell in _every(without))
        text += f"; no head of {_named(without)} ends above {most:.2f}"
    return f"{text}."


def _carried(models: Models) -> str:
    leading = lead(models)
    if leading is None:
        best = max(_every(models), key=lambda cell: cell.scores["ablation_icl_max"])
        return (
            "The head that carries most in-context learning carries "
            f"{best.scores['ablation_icl_max']:.2f} nats of it."
        )
    text = f"These heads carry it: {_of_first(leading)}"
    if len(leading.cells) > 1 and (shares := _shares(leading)):
        text += (
            "; over its seeds, removing all induction heads costs "
            f"{_range(shares, '%.0f')} %{_that_can_tell(shares, leading.cells, 'seeds')}"
        )
    text += _behind(leading)
    others = [share for m in models if m is not leading for share in _shares(m)]
    if others:
        text += f"; in the other models all induction heads carry {_range(others, '%.0f')} %"
        with_heads = [cell for m in models if m is not leading for cell in m.cells if cell.heads]
        text += _that_can_tell(others, with_heads, "runs")
    if any(share > 100 for share in (*_shares(leading), *others)):
        text += " (more than 100 %: without them, text far back makes predictions worse)"
    return f"{text}."


def _of_first(model: ModelFindings) -> str:
    """What the best head of the lowest seed carries, and all of its induction heads."""
    cell = model.first
    head, share, is_only = cell.heads[0], cell.share, len(cell.heads) == 1
    which = f"its {'only' if is_only else 'best'} induction head, {head['name']},"
    seed = f" of seed {cell.window['seed']}" if len(model.cells) > 1 else ""
    who = f"the {model.kind}{seed}"
    cost = f"{head['delta_icl']:.2f} nats{_interval(head, 'delta_icl', '%.2f')}"
    if share is None:
        return f"on the texts where heads were removed, removing {which} costs {who} {cost}"
    percent = f"{100 * share['share']:.0f} %{_interval(share, 'share', '%.0f', 100)}"
    all_of_them = (
        f", which is {percent}"
        if is_only
        else f", and removing all its induction heads costs {percent}"
    )
    return (
        f"on the texts where heads were removed, {who} has {share['icl']:.2f} nats of in-context "
        f"learning; removing {which} costs {cost}{all_of_them}"
    )


def _behind(model: ModelFindings) -> str:
    """The previous-token head whose removal costs more than that of any induction head, if one
    does: what the induction heads read."""
    scores = model.first.scores
    name = scores["ablation_head"]
    if model.first.kinds.get(name) != "previous_token":
        return ""
    return (
        f"; removing {name}, a previous-token head, costs {scores['ablation_icl_max']:.2f} nats, "
        "as the induction heads build on it"
    )


def _claims(verdicts: dict[str, int], seeds: int) -> str:
    decided = verdicts["supported"] + verdicts["contradicted"]
    asked = decided + verdicts["inconclusive"]
    if seeds == 1 and not decided:
        total = asked + verdicts["not tested here"]
        return (
            f"{counted(asked)} of the paper's {counted(total)} claims can be tested on these "
            "models; the rules ask for more than one seed of each, so with one none is decided yet."
        )
    counts = [verdicts[verdict] for verdict in ("supported", "contradicted", "inconclusive")]
    # Numbers of one list are all in letters, or all in digits.
    spell = counted if counted(max(counts)).isalpha() else str
    hold, fail, remain = (
        f"{spell(count) if count else 'none'} {verb}{'s' * (count < 2)}"
        for count, verb in zip(counts, ("hold", "fail", "remain"), strict=True)
    )
    return (
        f"Of the {counted(asked)} claims of the paper that these models can test, {hold}, {fail} "
        f"and {remain} open, over {counted(seeds)} seed{'s' * (seeds > 1)} of each model."
    )


def lead(models: Models) -> ModelFindings | None:
    """The model whose head the answer tells of: the first that changes and whose lowest seed has
    an induction head; if there is none, the first that has one."""
    with_heads = [m for m in models if m.first.heads]
    return next((m for m in with_heads if m.changed), next(iter(with_heads), None))


def repeats_sentence(repeats: Rows, models: Models) -> str:
    """The loss on random blocks of the models shown, against chance: rows of repeats.sql with
    random gaps, where nothing but the tokens tells what comes next. Empty without a chance."""
    kinds = {model.panel: model for model in models}
    rows = [row for row in repeats if row["probe"] == "gap" and row["panel"] in kinds]
    if not rows or rows[0]["chance"] is None:
        return ""
    chance, later = rows[0]["chance"], {}
    parts = []
    for panel in dict.fromkeys(row["panel"] for row in rows):
        of_panel = [row for row in rows if row["panel"] == panel]
        first = fmean([row["loss"] for row in of_panel if row["repeat"] == 0])
        later[panel] = fmean([row["loss"] for row in of_panel if row["repeat"] > 0])
        parts.append(f"{first:.2f} and {later[panel]:.2f} nats in {plural(kinds[panel].kind)}")
    above = [kinds[panel] for panel, loss in later.items() if loss >= chance]
    below = [kinds[panel] for panel, loss in later.items() if loss < chance]
    return (
        "Random tokens that come again after random gaps can only be predicted by induction. Their "
        f"loss, the first time and later times, is {listed(parts)}. An even guess over the "
        f"{rows[0]['vocab_size']} tokens of the vocabulary costs {chance:.2f} nats, and one among "
        f"the {rows[0]['usable']} tokens that are drawn here {rows[0]['chance_usable']:.2f}. Later "
        f"times are better than the even guess in {_named(below) if below else 'no model'}, and no "
        f"better in {_named(above) if above else 'none'}."
    )


def _named(models: Models) -> str:
    return joined([model.kind for model in models])


def _every(models: Models) -> list[CellFindings]:
    return [cell for model in models for cell in model.cells]


def _ends(models: Models) -> str:
    return _range([cell.scores["icl_matched"] for cell in _every(models)], "%+.2f")


def _misses(model: ModelFindings, rule: PhaseSettings) -> str:
    """Why the seeds without a change have none."""
    still = [cell for cell in model.cells if not cell.changed]
    missed = listed([missed_rules(cell, rule) for cell in still])
    if all(cell.is_gradual(rule) for cell in still):
        falls = _range([cell.window["icl_drop"] for cell in still], "%.2f")
        missed = f"it falls by {falls} nats inside its window, less than {rule.min_drop:g}"
    return f"in the other{'s' * (len(still) > 1)} {missed}"


def _seeds(count: int, total: int) -> str:
    return f"{counted(count)} of {counted(total)} seeds"


def _that_can_tell(shares: list[float], cells: list[CellFindings], of: str) -> str:
    """Where not every cell has a share."""
    every = len(shares) == len(cells)
    return "" if every else f", in the {len(shares)} of {len(cells)} {of} that can tell"


def _and_seeds(model: ModelFindings) -> str:
    others = len(model.cells) - 1
    return f" in seed {model.first.window['seed']}" if others else ""


def _shares(model: ModelFindings) -> list[float]:
    return [100 * cell.share["share"] for cell in model.cells if cell.share]


def _interval(row: dict[str, Any], name: str, form: str, factor: int = 1) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low is None or high is None:
        return ""
    return f" (interval {fixed(factor * low, form)} to {fixed(factor * high, form)})"


def _range(values: list[float], form: str) -> str:
    low, high = fixed(min(values), form), fixed(max(values), form)
    return low if low == high else f"{low} to {high}"

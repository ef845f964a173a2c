"""Tables of what is shown: a row per cell, so that every seed can be seen."""

from collections.abc import Callable
from typing import Any

from induction.config.study import Study
from induction.report.formatting import NONE, between, escape_pipes, fixed, millions
from induction.report.readme.groups import Group, groups
from induction.report.readme.shown import Reports


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(escape_pipes, line))} |\n" for line in lines)


def models(study: Study, reports: Reports) -> str:
    """Phase change and in-context learning of the models."""
    return _by_cell(study, True, *_outcome(reports))


def variations(study: Study, reports: Reports) -> str:
    """The same of variations and controls, with the head that matches prefixes best."""
    head, row = _outcome(reports)
    metrics = reports.metrics["cells"]
    return _by_cell(
        study,
        False,
        [*head, "best prefix matching"],
        lambda cell: [*row(cell), _best(metrics[cell], "prefix_matching_max", "best_head")],
    )


def heads(study: Study, reports: Reports) -> str:
    """The best heads at the end of training, and the one whose removal costs most."""
    metrics = reports.metrics["cells"]

    def row(cell: str) -> list[str]:
        scores = metrics[cell]
        cost = fixed(scores["ablation_icl_max"], "%.2f")
        interval = between(scores["ablation_icl_low"], scores["ablation_icl_high"], "%.2f")
        return [
            _best(scores, "prefix_matching_max", "best_head"),
            _best(scores, "previous_token_max", "previous_token_head"),
            f"{cost}{interval} ({scores['ablation_head']})",
        ]

    columns = ["prefix matching", "attention to the previous token", "ICL lost without it, nats"]
    return _by_cell(study, True, [f"{column} (head)" for column in columns], row)


def matched(study: Study, reports: Reports) -> str:
    """Three scores of in-context learning with their intervals, side by side."""
    metrics = reports.metrics["cells"]

    def row(cell: str) -> list[str]:
        scores = metrics[cell]
        return [
            fixed(scores[value], "%.3f")
            + between(scores[f"{ends}_low"], scores[f"{ends}_high"], "%.3f")
            for value, ends in (
                ("icl_matched", "icl_matched"),
                ("icl_final", "icl_final"),
                ("icl_paper_points", "icl_paper"),
            )
        ]

    return _by_cell(study, True, ["matched score", "usual score", "at the paper's points"], row)


def circuits(study: Study, reports: Reports) -> str:
    """The circuits of the models, or why there is none."""
    read = reports.circuits

    def share(cell: str, run: str) -> str:
        interval = read[cell][f"share_{run}"]
        if interval is None:
            return NONE
        value, low, high = interval
        return f"{value:.2f}{between(low, high, '%.2f')}"

    def row(cell: str) -> list[str]:
        edges = ", ".join(read[cell]["circuit"])
        return [edges or f"none: {read[cell]['reason']}", share(cell, "cut"), share(cell, "kept")]

    return _by_cell(
        study, True, ["circuit", "share of ICL lost without it", "share kept by it alone"], row
    )


def times(reports: Reports) -> str:
    """Seconds of `make study`, stage by stage."""
    seconds = reports.times["stages"]
    return table(list(seconds), [[f"{number:,}" for number in seconds.values()]])


def _outcome(reports: Reports) -> tuple[list[str], Callable[[str], list[str]]]:
    metrics = reports.metrics["cells"]

    def row(cell: str) -> list[str]:
        scores = metrics[cell]
        start, end = (millions(scores[f"phase_{side}_tokens"]) for side in ("start", "end"))
        return [
            f"{start} – {end}" if scores["phase_change"] else "none",
            fixed(scores["icl_matched"], "%.2f"),
            fixed(scores["loss_final"], "%.2f"),
        ]

    return ["phase window, training tokens", "matched ICL, nats", "loss, nats"], row


def _best(scores: dict[str, Any], value: str, head: str) -> str:
    return f"{scores[value]:.2f} ({scores[head]})"


def _by_cell(study: Study, is_main: bool, head: list[str], row: Callable[[str], list[str]]) -> str:
    """A row per cell, that of the lowest seed with the model in words; a sentence without any."""

    def called(group: Group) -> str:
        return f"{group.kind}, {group.variation}" if group.variation else group.kind

    rows = [
        [called(group) if cell == group.cells[0] else "", f"`{cell}`", *row(cell)]
        for group in groups(study)
        if group.is_main == is_main
        for cell in group.cells
    ]
    return table(["model", "cell", *head], rows) if rows else "This run has none.\n"

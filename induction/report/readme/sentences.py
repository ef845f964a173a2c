"""Sentences about results, so that no prose between the blocks has to be true of one run alone."""

from collections.abc import Callable

from induction.config.study import Study
from induction.report.formatting import duration, millions
from induction.report.readme import shown
from induction.report.readme.groups import main, where
from induction.report.readme.shown import Reports
from induction.report.wording import counted


def grid(study: Study) -> str:
    """Which run is shown, and how large it is."""
    seeds = [len(group.cells) for group in main(study)]
    many = f"{counted(max(seeds))} seed{'s' * (max(seeds) > 1)} of each"
    run = "published run (`make published`)" if shown.GRID else "default study (`make study`)"
    models = f"the {run}, with {counted(len(seeds))} models"
    others = len(shown.cells(study)) - sum(seeds)
    if not others:
        return f"{models} and {many}"
    runs = f"{counted(others)} run{'s' * (others > 1)}"
    return f"{models}, {many}, and {runs} of variations and controls"


def findings(reports: Reports) -> str:
    """The answer as a list."""
    return "".join(f"{i}. {one}\n" for i, one in enumerate(reports.answer["sentences"], 1))


def plain(reports: Reports, key: str) -> str:
    """What the report says of the two scores, or of its limits."""
    return f"{reports.answer[key]}\n"


def bullets(reports: Reports, key: str) -> str:
    """What the report says of smearing or weights, as a list."""
    return "".join(f"* {sentence}\n" for sentence in reports.answer[key])


def change(study: Study, reports: Reports) -> str:
    """In which models the rule finds a phase change, and where."""
    metrics = reports.metrics["cells"]
    sentence = f"The rule finds a phase change {where(study, _is(reports, 'phase_change'))}."
    parts = []
    for group in main(study):
        spans = [metrics[cell] for cell in group.cells if metrics[cell]["phase_change"]]
        if spans:
            start = millions(min(span["phase_start_tokens"] for span in spans))
            end = millions(max(span["phase_end_tokens"] for span in spans))
            parts.append(f"{start} – {end} in {group.name}")
    windows = f" In training tokens, the windows lie at {'; '.join(parts)}." if parts else ""
    return f"{sentence}{windows}\n"


def heads(study: Study, reports: Reports) -> str:
    """Which models end with a head above the bound of prefix matching."""
    metrics, bound = reports.metrics["cells"], study.heads.kinds.induction
    has_one = where(study, lambda cell: metrics[cell]["prefix_matching_max"] >= bound)
    return (
        f"At the end of training the best head's prefix matching is {bound:g} or more, as an "
        f"induction head's must be, {has_one}.\n"
    )


def circuit(study: Study, reports: Reports) -> str:
    """Which models end with an induction circuit."""
    has_one = where(study, lambda cell: bool(reports.circuits[cell]["circuit"]))
    return f"At the end of training the rule finds an induction circuit {has_one}.\n"


def commands(reports: Reports) -> str:
    """How long the commands take, and where that was measured."""
    parts = [
        f"`{command}` {duration(took['seconds'])} ({took['what']})"
        for command, took in reports.times["commands"].items()
    ]
    machine = reports.times["machine"]
    return f"Measured in a fresh clone on {machine}: {', '.join(parts)}.\n"


def _is(reports: Reports, key: str) -> Callable[[str], bool]:
    return lambda cell: reports.metrics["cells"][cell][key]

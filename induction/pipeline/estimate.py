"""How long the stages that are left take here: their work, at rates that are measured."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from induction.config.errors import StageError
from induction.config.study import Study
from induction.models.suites.described import Described, describe
from induction.pipeline import layout
from induction.pipeline.calibration import Rates, measure
from induction.pipeline.costs import Kind, Model, Work, work_of
from induction.pipeline.plan import Expanded

# Seconds of measuring in all, and FLOP for which one of them is spent: a minute's, where each takes
# as long as on the slowest machine. Who asks waits in proportion to what there is to do.
MOST, LEAST = 7.0, 0.5
FLOP_PER_SECOND = 60 * 3e9
# DVC's own share in a stage, beside the start of its process.
DVC_SECONDS = 2.4


@dataclass(frozen=True)
class Estimate:
    """Work, with the seconds that each takes here; `unknown` says why some of it is not known."""

    work: list[Work]
    seconds: list[float]
    unknown: list[str]

    @property
    def total(self) -> float:
        return sum(self.seconds)

    @property
    def written(self) -> float:
        return sum(each.written for each in self.work)

    @property
    def download(self) -> int:
        return sum(each.download for each in self.work)


def work_left(study: Study, pending: Sequence[Expanded]) -> tuple[list[Work], list[str]]:
    """The work of the stages that are left, and one line for each suite that is not known."""
    described: dict[str, Described] = {}
    unknown = []
    for cell in dict.fromkeys(stage.instance for stage in pending):
        suite = study.suite_of(cell) if cell in study.cells else None
        if suite is not None:
            name = study.cells[cell].suite
            try:
                described[cell] = describe(name, suite, layout.fetched(cell).path)
            except StageError as error:
                unknown.append(str(error))
    return [work_of(study, each.name, each.instance, described) for each in pending], unknown


def estimate(work: list[Work], unknown: list[str]) -> Estimate:
    """What the work takes here, after seconds of measuring; none where there is no work."""
    flop = sum(each.flop for each in work)
    rates = Rates({}, 0.0)
    if work:
        pairs: dict[tuple[Model, Kind], None] = {
            (each.model, each.kind): None for each in work if each.model is not None
        }
        rates = measure([*pairs], min(MOST, max(LEAST, flop / FLOP_PER_SECOND)))
    return Estimate(work, [_seconds(each, rates) for each in work], unknown)


def worth_saying(study: Study, pending: Sequence[Expanded]) -> Estimate | None:
    """The same for who asked to begin, and is not to wait for long: None where that would be a
    minute's work even for a slow machine, or ten seconds would not do."""
    begin = time.monotonic()
    work, unknown = work_left(study, pending)
    is_short = sum(each.flop for each in work) < FLOP_PER_SECOND
    if is_short or time.monotonic() - begin > 10 - MOST:
        return None
    try:
        forecast = estimate(work, unknown)
    except StageError:
        return None  # a forecast that fails is no reason not to begin
    return forecast if forecast.total > 60 else None


def _seconds(work: Work, rates: Rates) -> float:
    if not work.is_known:
        return 0.0
    products = work.flop / rates.of[work.model, work.kind] if work.model else 0.0
    return products + work.seconds + rates.start + DVC_SECONDS

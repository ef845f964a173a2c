"""How fast this machine trains, runs and ablates models, as measured in seconds before it has to.

A process of its own measures it, started as stages are: `induction study`, which waits for hours,
does not hold torch in memory, and what that process takes to start, each stage takes, too.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from induction.config.errors import StageError
from induction.pipeline.costs import Kind, Model
from induction.pipeline.environment import run


@dataclass(frozen=True)
class Rates:
    """FLOP per second of each computation, and the seconds in which a stage's process starts."""

    of: dict[tuple[Model, Kind], float]
    start: float


def measure(pairs: Sequence[tuple[Model, Kind]], seconds: float) -> Rates:
    """The rates of some computations on this machine, in about so many seconds."""
    request = {
        "seconds": seconds,
        "models": [[asdict(model.arch), model.vocab_size, kind] for model, kind in pairs],
    }
    begin = time.perf_counter()
    done = run(
        [sys.executable, "-m", "induction.pipeline.machine_rates"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    took = time.perf_counter() - begin
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise StageError(
            f"the rate of this machine: found no answer, it said {said[-1]!r}; run "
            "`python -m induction.cli.main bench` to see more"
        ) from None
    return Rates(dict(zip(pairs, answer["rates"], strict=True)), took - answer["seconds"])

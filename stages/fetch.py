"""Fetch and check the checkpoints of a suite, and measure each while it is here"""

import gc
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import numpy as np

from induction.models.suites.neighbours import check_neighbours
from induction.models.workers import Workers
from induction.pipeline.job import Job, run
from induction.pipeline.measuring import Measure, Parts, device_of, measure_foreign
from induction.pipeline.progress import progress
from induction.pipeline.suite_checkpoints import Fetched, Seen, SuiteCheckpoints
from induction.tables.corpus import EVAL, EVAL_SEQUENCES, VOCABULARY
from induction.tables.fetch import FETCHED

PER = "suite"
INPUTS = (EVAL, EVAL_SEQUENCES, VOCABULARY)
OUTPUTS = (FETCHED,)
PARAMS = ()

# The stages that measure checkpoints, each after those whose results it reads, and their classes.
MEASURES = {
    "losses": "Losses",
    "heads": "Heads",
    "ablations": "Ablations",
    "interventions": "Interventions",
}


def main(job: Job) -> None:
    assert job.suite is not None
    suite = SuiteCheckpoints(job.instance, job.suite_name, job.suite)
    vocab_size = len(job.read(VOCABULARY)["token"])
    seen = Seen(job.instance)
    fetched: dict[int, Fetched] = {}
    with job.outputs() as outputs:
        keep = outputs.folder if suite.suite.keep else None
        with ExitStack() as stack:
            measures = measures_of(job.instance, stack)
            steps = [*suite.revisions]
            for step in progress(steps, f"fetch {job.instance}", "checkpoint"):
                fetched[step] = one(suite, step, steps, vocab_size, measures, seen, keep)
                done = [(suite.revisions[each], fetched[each].sha256) for each in fetched]
                check_neighbours(suite.name, suite.suite, done[-2:])
        outputs.write(FETCHED, columns(fetched))


def measures_of(cell: str, stack: ExitStack) -> list[Measure]:
    """What the stages that follow will ask of every checkpoint.

    They are not imported above: a change of theirs is a reason to measure again, for which they
    fetch what they need, but none to fetch everything anew.
    """
    jobs = [Job(name, cell) for name in MEASURES]
    workers = stack.enter_context(Workers(device_of(jobs[0])))
    kinds = [getattr(import_module(f"stages.{name}"), kind) for name, kind in MEASURES.items()]
    return [kind(job, device_of(job), workers) for job, kind in zip(jobs, kinds, strict=True)]


def one(
    suite: SuiteCheckpoints,
    step: int,
    steps: list[int],
    vocab_size: int,
    measures: list[Measure],
    seen: Seen,
    keep: Path | None,
) -> Fetched:
    """Fetch a checkpoint and leave its parts; neither, where all of it was done before."""
    asked = [measure for measure in measures if step in measure.selected(steps)]

    def is_done(measure: Measure, sha256: str) -> bool:
        """Whether its part is there; the other measures take note of it."""
        part = Parts(measure).read(step, sha256)
        if part is not None:
            for each in measures:
                each.learn(part)
        return part is not None

    known = seen.read(suite.revisions[step])
    if known and keep is None and all(is_done(measure, known.sha256) for measure in asked):
        return known
    with suite.opened(step, measures[0].device, vocab_size, keep) as (model, found):
        for measure in asked:
            if not is_done(measure, found.sha256):
                part = measure_foreign(measure, model, step, suite.name_of(step))
                Parts(measure).write(step, found.sha256, part)
                is_done(measure, found.sha256)
    del model
    gc.collect()  # modules of transformers refer to themselves
    seen.write(suite.revisions[step], found)
    return found


def columns(fetched: dict[int, Fetched]) -> dict:
    """Table `checkpoints`."""
    rows = fetched.values()
    texts = ("commit", "sha256", "dtype", "licence")
    return {
        "step": np.array([*fetched], np.int32),
        "tokens": np.array([np.nan if row.tokens is None else row.tokens for row in rows], float),
        **{name: [getattr(row, name) for row in rows] for name in texts},
        "vocab_size": np.array([row.vocab_size for row in rows], np.int32),
    }


if __name__ == "__main__":
    run(main)

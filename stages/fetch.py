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
    with job.outputs() as outputs:
        keep = outputs.folder if suite.suite.keep else None
        with ExitStack() as stack:
            fetching = Fetching(suite, measures_of(job.instance, stack), vocab_size, keep)
            for step in progress([*suite.revisions], f"fetch {job.instance}", "checkpoint"):
                fetching.fetch(step)
        outputs.write(FETCHED, columns(fetching.fetched))


def measures_of(cell: str, stack: ExitStack) -> list[Measure]:
    """What the stages that follow will ask of every checkpoint.

    They are not imported above: a change of theirs is a reason to measure again, for which they
    fetch what they need, but none to fetch everything anew.
    """
    jobs = [Job(name, cell) for name in MEASURES]
    workers = stack.enter_context(Workers(device_of(jobs[0])))
    kinds = [getattr(import_module(f"stages.{name}"), kind) for name, kind in MEASURES.items()]
    return [kind(job, device_of(job), workers) for job, kind in zip(jobs, kinds, strict=True)]


class Fetching:
    """Checkpoint by checkpoint, in the order of their steps; `fetched` has those that are done."""

    def __init__(
        self, suite: SuiteCheckpoints, measures: list[Measure], vocab_size: int, keep: Path | None
    ):
        self.suite, self.measures, self.vocab_size, self.keep = suite, measures, vocab_size, keep
        self.seen = Seen(suite.cell)
        self.fetched: dict[int, Fetched] = {}

    def fetch(self, step: int) -> None:
        """Leave the parts of a checkpoint. What was fetched and measured before is not again.

        Raises StageError if it cannot be read, or holds the weights of the one before.
        """
        steps, revision = [*self.suite.revisions], self.suite.revisions[step]
        asked = [measure for measure in self.measures if step in measure.selected(steps)]
        known = self.seen.read(revision)
        if known and self.keep is None and all(self._is_done(m, step, known) for m in asked):
            self._note(step, known)
            return
        device = self.measures[0].device
        with self.suite.opened(step, device, self.vocab_size, self.keep) as (model, checkpoint):
            self._note(step, checkpoint)
            for measure in asked:
                if not self._is_done(measure, step, checkpoint):
                    part = measure_foreign(measure, model, step, self.suite.name_of(step))
                    Parts(measure).write(step, checkpoint.sha256, part)
                    self._is_done(measure, step, checkpoint)
        del model
        gc.collect()  # modules of transformers refer to themselves
        self.seen.write(revision, checkpoint)

    def _is_done(self, measure: Measure, step: int, checkpoint: Fetched) -> bool:
        """Whether there is a part; if so, the measures after this one take note of it."""
        part = Parts(measure).read(step, checkpoint.sha256)
        if part is not None:
            for each in self.measures:
                each.learn(part)
        return part is not None

    def _note(self, step: int, checkpoint: Fetched) -> None:
        self.fetched[step] = checkpoint
        last_two = [*self.fetched.items()][-2:]
        hashes = [(self.suite.revisions[each], of_step.sha256) for each, of_step in last_two]
        check_neighbours(self.suite.name, self.suite.suite, hashes)


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

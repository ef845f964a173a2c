"""`--share`: what others have computed is taken from the DVC remote, and what a stage made here is
given to it before the next stage begins, so that whoever loses this machine loses one stage.

A remote that cannot be reached stops no computing: it is left alone for a while, and what it lacks
is pushed later, at the latest when everything has run.
"""

import threading
import time
from collections.abc import Callable

from induction.pipeline import status
from induction.pipeline.environment import DVC, run
from induction.pipeline.progress import say

PATIENCE = 600.0  # seconds: DVC may take minutes to find that a remote does not answer
FAILED, INTERRUPTED = 255, 252  # exit statuses of DVC: of any error, and of Ctrl-C


def repro(*arguments: str, share: bool = False) -> list[str]:
    """`dvc repro`, beside other runs of it: it waits for DVC's lock, held only between stages."""
    return [*DVC, "--wait-for-lock", "repro", *(["--pull"] if share else []), *arguments]


def push(targets: list[str]) -> tuple[int, str]:
    """Push stages, or all that is here; returns DVC's exit status and, if it is not 0, its words.

    Files come first: an entry of the run cache without them would send others after what is not
    there. DVC's status says nothing about entries that it could not write.
    """
    for what in ([], ["--run-cache"]):
        command = [*DVC, "--wait-for-lock", "push", *what, *targets]
        done = run(command, capture_output=True, encoding="utf-8", errors="replace")
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        if done.returncode or errors:
            return done.returncode or FAILED, (errors or ["it said nothing"])[0]
    return 0, ""


class Remote:
    """The DVC remote as one run of the study knows it, whose cells may run side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_pushed: list[str] = []
        self._left_alone_until = 0.0
        self._is_reported = False

    def run_each(
        self, stages: list[str], execute: Callable[[list[str]], int], is_stopped: Callable[[], bool]
    ) -> int:
        """Run stages, by DVC's names, each of which is pushed before the next begins.

        Returns the exit status of the first that failed, or 0.
        """
        for stage in stages:
            code = FAILED if is_stopped() else self._run(stage, execute)
            code = code or (FAILED if is_stopped() else self.give([stage]))
            if code:
                return code
        return 0

    def give(self, stages: list[str]) -> int:
        """Push stages, and those that could not be pushed before.

        Returns an exit status that is not 0 only if it was interrupted.
        """
        with self._lock:
            self._not_pushed += stages
            wanted = [*self._not_pushed]
        if self.is_left_alone or not wanted:
            return 0
        code, problem = push(wanted)
        if code == INTERRUPTED or code < 0:
            return code
        if problem:
            self._leave_alone(problem)
        else:
            with self._lock:
                self._not_pushed = [each for each in self._not_pushed if each not in wanted]
        return 0

    @property
    def is_left_alone(self) -> bool:
        return time.monotonic() < self._left_alone_until

    def _run(self, stage: str, execute: Callable[[list[str]], int]) -> int:
        name, _, instance = stage.rpartition(":")[2].partition("@")
        status.forget(instance or name)
        if not self.is_left_alone:
            code = execute(repro("--single-item", stage, share=True))
            if code != FAILED or status.read(instance or name):
                return code
            # The stage did not even begin: perhaps because nothing could be pulled.
            self._leave_alone("`dvc repro --pull` failed")
        return execute(repro("--single-item", stage))

    def _leave_alone(self, problem: str) -> None:
        with self._lock:
            self._left_alone_until = time.monotonic() + PATIENCE
            is_reported, self._is_reported = self._is_reported, True
        if not is_reported:
            say(
                f"the DVC remote cannot be used now ({problem}). The study goes on without it; "
                f"what it lacks is pushed after {PATIENCE / 60:.0f} minutes or more, and at the end"
            )


REMOTE = Remote()

"""Slurm, by its commands: sbatch, squeue, scontrol, scancel."""

import getpass
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from induction.config.errors import StageError
from induction.pipeline.cluster.scheduler import Submission, Task, TaskState
from induction.pipeline.engines.engine import Away
from induction.pipeline.environment import run

SIGNAL_BEFORE = 60  # seconds before the time limit, so that a training can keep its state

# What runs on a node. Slurm sends USR1 to this shell alone; 75 is the worker's "start me again".
SCRIPT = """\
#!/bin/bash
export WORKER_NODE="${SLURMD_NODENAME:-$(hostname)}"
if end=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%e); then
    export WORKER_DEADLINE=$(date --date "$end" +%s 2>/dev/null)
fi
export WORKER_CPUS="${SLURM_CPUS_ON_NODE:-}"
if [ -z "$WORKER_CPUS" ]; then unset WORKER_CPUS; fi
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
export WORKER_JOB=$task
case $SLURM_ARRAY_TASK_ID in
@CASES@
esac
worker=$!
again=
trap 'again=yes; kill -USR1 $worker' USR1
trap 'kill -TERM $worker' TERM
code=0
wait $worker || code=$?
while kill -0 $worker 2>/dev/null; do code=0; wait $worker || code=$?; done
# After USR1 alone: TERM comes from scancel too, after which nothing is to start again.
if [ $code -eq 75 ] && [ "$again" ]; then scontrol requeue "$task"; fi
exit $code
"""

AWAY = "Unable to contact slurm controller"
QUEUED = {"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
RUNNING = {"RUNNING", "CONFIGURING", "COMPLETING", "STAGE_OUT", "SUSPENDED", "STOPPED", "SIGNALING"}
# How a task can end that would end so again.
FAILED = {
    "OUT_OF_MEMORY": "ran out of memory; ask for more with --mem in SLURM",
    "CANCELLED": "was cancelled",
    "DEADLINE": "could not end before its --deadline; take that out of SLURM",
}
ENDED = {
    "NODE_FAIL": "its node was lost",
    "BOOT_FAIL": "its node did not boot",
    "PREEMPTED": "was preempted",
    "TIMEOUT": "reached the time limit",
}
# Why a task waits, in words, for the reasons that users meet most.
REASONS = {
    "Priority": "others are before it",
    "Resources": "no node is free",
    "JobArrayTaskLimit": "as many run as JOBS allows",
    "BeginTime": "starts again in a moment",
    "Cleaning": "its last node is being cleaned up",
    "Dependency": "waits for another job",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "NodeDown": "the node it asks for is down",
    "JobHeldUser": "held; `scontrol release` lets it go on",
    "JobHeldAdmin": "held by an administrator",
    "ReqNodeNotAvail": "the nodes it may use are down or reserved",
}
# Why a task will never start. Slurm takes such jobs all the same, if it is not told otherwise.
STUCK = {
    "PartitionTimeLimit": "asks for more --time than the partition allows; lower it in SLURM",
    "PartitionNodeLimit": "asks for more nodes than the partition has; lower that in SLURM",
    "BadConstraints": "asks for what no node has; correct SLURM",
}


class Slurm:
    def submit(self, submission: Submission) -> str:
        last = len(submission.tasks) - 1
        options = [
            *submission.options,
            f"--job-name={submission.name}",
            f"--array=0-{last}%{max(1, submission.at_once)}",
            "--requeue",
            f"--signal=B:USR1@{SIGNAL_BEFORE}",
            f"--output={submission.logs}/%A_%a.out",
            "--open-mode=append",
        ]
        if submission.not_on:
            options.append(f"--exclude={','.join(submission.not_on)}")
        cases = [f"{i}) {shlex.join(task)} & ;;" for i, task in enumerate(submission.tasks)]
        script = SCRIPT.replace("@CASES@", "\n".join(cases))
        return _sbatch(["--parsable", *options], script).strip().partition(";")[0]

    def test(self, options: Sequence[str]) -> None:
        """Raises StageError if Slurm would refuse jobs with these options."""
        _sbatch(["--test-only", *options], "#!/bin/sh\n")

    def states(self, name: str) -> dict[Task, TaskState]:
        lines = _ask(
            [
                *("squeue", "--noheader", "--array", "--states=all", "--format=%F|%K|%T|%N|%r"),
                *(f"--user={getpass.getuser()}", f"--name={name}"),
            ]
        )
        states = {}
        for line in lines.splitlines():
            job, index, state, node, reason = line.strip().split("|", 4)
            # A job without an array has no index.
            task = Task(job, int(index) if index.isdigit() else 0)
            states[task] = _state(state, node, reason)
        return states

    def cancel(self, jobs: Sequence[str]) -> None:
        _ask(["scancel", "--quiet", *jobs])  # which minds no job that has ended

    def cancel_command(self, jobs: Sequence[str]) -> str:
        return shlex.join(["scancel", *jobs])

    def log(self, logs: Path, task: Task) -> Path:
        return logs / f"{task.job}_{task.index}.out"


def _state(state: str, node: str, reason: str) -> TaskState:
    if state in QUEUED and reason in STUCK:
        return TaskState("stuck", says=STUCK[reason])
    if state in QUEUED:
        held = reason.startswith(("launch failed", "JobHold"))
        says = "its start failed, and Slurm holds it; see the log" if held else reason
        return TaskState("queued", says=REASONS.get(reason, says).removeprefix("None"))
    if state in RUNNING:
        return TaskState("running", node)
    if state in FAILED:
        return TaskState("failed", node, FAILED[state])
    return TaskState("ended", node, ENDED.get(state, ""))


def _sbatch(options: Sequence[str], script: str) -> str:
    done = _run(["sbatch", *options], script)
    if done.returncode:
        said = " ".join(done.stderr.replace("sbatch: error:", "").split())
        remedy = "try again later" if AWAY in said else "correct SLURM"
        raise StageError(f"sbatch {shlex.join(options)}: refused: {said}; {remedy}")
    return done.stdout


def _ask(command: Sequence[str]) -> str:
    done = _run(command)
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise Away(f"{command[0]}: Slurm does not answer ({said})")
    return done.stdout


def _run(command: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return run(command, input=given, capture_output=True, text=True, errors="replace")
    except FileNotFoundError:
        raise StageError(
            f"{command[0]}: not found, expected the commands of Slurm; run this on a login node of "
            "the cluster"
        ) from None

"""Kill stages, many times, at any moment, and see that nothing is lost.

    python tests/kills.py COUNT SEED [STAGE ...]    (in the folder of a finished small study)

Python and torch take seconds to start, and most kills would hit them. So everything is imported
once, and each stage runs in a fork. A kill strikes either at a moment drawn at random or at one
of the stage's own steps in the file system (each open, rename, link, removal and new folder), so
that the short moments that matter are not missed. Prints a JSON object.
"""

import importlib
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, os.getcwd())

from induction.config.params import Params
from induction.pipeline import plan
from induction.pipeline.job import run
from induction.pipeline.settings import study_of
from induction.tables import atomic

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
SCRATCH = Path(".scratch")


def contents(outs: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
    """The files of each output that is there."""
    result = {}
    for path in map(Path, outs):
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        if files:
            result[str(path)] = {str(file): file.read_bytes() for file in files}
    return result


def start(stage: str, cell: str, at_step: int = 0, after: float = 0.0) -> tuple[int, int]:
    """Run a stage in a fork, which dies at its `at_step`-th step or `after` seconds.

    Returns its exit status (negative for a signal) and how many steps it counted.
    """
    counted, counter = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(counted)
        code = 1
        try:
            log = os.open(SCRATCH / "kills.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            steps, here = 0, os.getcwd()

            def watch(event: str, args: tuple) -> None:
                nonlocal steps
                # Pipes are opened by their numbers.
                is_path = event in STEPS and not isinstance(args[0], int)
                if is_path and os.path.abspath(os.fsdecode(args[0])).startswith(here):
                    steps += 1
                    if steps == at_step:
                        os.kill(os.getpid(), signal.SIGKILL)

            module = importlib.import_module(f"stages.{stage}")
            sys.argv = [stage, *(["--cell", cell] if cell else [])]
            # Its default action ends the process there and then, as SIGKILL does.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            sys.addaudithook(watch)
            if after:
                signal.setitimer(signal.ITIMER_REAL, after)
            run(module.main)
        except Exception:
            traceback.print_exc()
        except SystemExit as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            code = 2 if error.code else 0
            if not code:
                os.write(counter, str(steps).encode())
        finally:
            os._exit(code)
    os.close(counter)
    with open(counted, "rb") as file:
        steps = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, int(steps or 0)


def said() -> str:
    return (SCRATCH / "kills.log").read_text(errors="replace")


def main() -> None:
    count, rng = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    stages = plan.expanded(study_of(Params().all()))
    if named := sys.argv[3:]:
        stages = [stage for stage in stages if stage.name in named]
    outs = {(stage.name, stage.instance): stage.outs for stage in stages}
    targets = list(outs)
    # Training has most to lose.
    weights = [5 if stage == "train" else 1 for stage, _ in targets]
    each = {f"stages.{stage}" for stage, _ in targets}
    for module in [*sorted(each), "torch._dynamo", "vl_convert"]:
        importlib.import_module(module)
    wanted, length = {}, {}
    for stage, cell in targets:
        out = outs[stage, cell]
        wanted[stage, cell] = contents(out)
        assert len(wanted[stage, cell]) == len(out)
        begin = time.monotonic()
        atomic.remove(SCRATCH / "train")
        status, steps = start(stage, cell)
        assert status == 0, (stage, cell, said())
        assert contents(out) == wanted[stage, cell], f"{out}: other bytes, undisturbed"
        length[stage, cell] = (steps, time.monotonic() - begin)

    kills, resumed = Counter(), 0
    while kills.total() < count:
        stage, cell = rng.choices(targets, weights)[0]
        out = outs[stage, cell]
        steps, seconds = length[stage, cell]
        atomic.remove(SCRATCH / "train")
        for _ in range(rng.choice([1, 1, 2, 4])):
            if rng.random() < 0.5:
                for path in map(Path, out):  # as DVC does before it runs a stage
                    atomic.remove(path)
            if rng.random() < 0.5:
                status, _ = start(stage, cell, at_step=rng.randint(1, steps))
            else:
                status, _ = start(stage, cell, after=rng.uniform(0.001, seconds))
            assert status <= 0, (stage, cell, said())
            kills[stage] += status < 0
            resumed += "goes on from step" in said()
            left = contents(out)
            for path, files in left.items():
                assert files == wanted[stage, cell][path], f"{path}: neither whole nor absent"
        status, _ = start(stage, cell)
        assert status == 0, (stage, cell, said())
        assert contents(out) == wanted[stage, cell], f"{out}: other bytes after a kill"
        debris = [p for p in SCRATCH.rglob("*") if p.name.endswith(".partial")]
        debris += [p for p in (SCRATCH / "partial").rglob("*") if p.is_file()]
        assert not debris, debris
        resumed += "goes on from step" in said()
    print(json.dumps({"kills": kills, "resumed": resumed}))


if __name__ == "__main__":
    main()

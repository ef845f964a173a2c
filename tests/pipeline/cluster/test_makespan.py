"""Ten at a time of a hundred cells: how much longer than they have to take."""

import json
import random
import time
from pathlib import Path

import pytest

from induction.pipeline.cluster import records
from induction.pipeline.cluster.shared_folder import RunFolder
from induction.pipeline.cluster.slurm import Slurm
from induction.pipeline.engines.cluster import Cluster
from induction.pipeline.engines.engine import watch
from induction.pipeline.work import Work
from tests.cluster import slurm

CELLS, AT_ONCE = 100, 10
# In place of worker.sh: a stage that sleeps, and a record as a worker leaves it.
SLEEPER = """\
begun=$(date +%s.%N)
sleep "$(cat "$1/seconds/$2")"
cat > "$1/records/$2.json" <<END
{"attempts": [{"node": "$WORKER_NODE", "job": "$WORKER_JOB", "begun": $begun,
               "ended": $(date +%s.%N), "end": "done", "says": ""}], "result": ""}
END
"""


def longest_first(seconds: list[float]) -> float:
    """When the last of `AT_ONCE` machines without any delay is done."""
    machines = [0.0] * AT_ONCE
    for each in sorted(seconds, reverse=True):
        machines[machines.index(min(machines))] += each
    return max(machines)


@pytest.mark.slow
def test_ten_workers_of_a_hundred_cells_hardly_idle(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "lab" / "runs" / "abc")
    folder.shared.root.mkdir()
    folder.create()
    folder.script.write_text(SLEEPER)
    rng = random.Random(0)
    seconds = {f"cell{i:03d}": round(rng.uniform(4, 20), 2) for i in range(CELLS)}
    (folder.folder / "seconds").mkdir()
    for cell, length in seconds.items():
        (folder.folder / "seconds" / cell).write_text(str(length))
    cells = sorted(seconds, key=lambda cell: -seconds[cell])
    works = [Work(cell, [], []) for cell in cells]
    with slurm(tmp_path / "slurm", cores=4) as cluster:
        monkeypatch.setenv("SLURM_CONF", cluster.conf)
        engine = Cluster(folder, Slurm(), AT_ONCE)
        begin = time.time()
        engine.submit(works)
        outcomes = watch(engine, works, 3.0, "on Slurm")
    assert [each for each in outcomes if each.error] == []
    done = [records.read(folder.record_of(cell)) for cell in cells]
    assert all(len(each.attempts) == 1 for each in done)
    ends = [(each.attempts[0].begun, each.attempts[0].ended) for each in done]
    at_once = max(sum(a <= begun < b for a, b in ends) for begun, _ in ends)
    assert at_once <= AT_ONCE
    makespan, ideal = max(ended for _, ended in ends) - begin, longest_first([*seconds.values()])
    (Path(tmp_path) / "makespan.json").write_text(json.dumps([makespan, ideal]))
    assert makespan <= 1.15 * ideal, (makespan, ideal)

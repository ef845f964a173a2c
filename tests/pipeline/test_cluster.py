"""A study on a real Slurm of three nodes on this machine: what goes well, and what goes wrong."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from induction.pipeline.cluster import records
from induction.pipeline.dvc_lock import hashes, read_lock
from induction.pipeline.environment import run, start
from induction.tables.atomic import remove
from tests.cluster import SlurmCluster, slurm
from tests.git import git
from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, Project, english

pytestmark = pytest.mark.slow

RAN = re.compile(r"Running stage '([^']+)'")
GOES_ON = re.compile(r"goes on from step (\d+) of (\d+)")
STEPS = 6_000  # of a training that is long enough to be disturbed


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[SlurmCluster]:
    with slurm(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture(scope="module")
def committed(tmp_path_factory) -> Project:
    """The small study, of which nothing has run, as a commit."""
    project = Project(tmp_path_factory.mktemp("committed"))
    english(project.folder / "books")
    with open(project.folder / ".git" / "info" / "exclude", "a") as file:
        file.write("/books/\n")  # a text need not be in Git
    commit(project)
    return project


def commit(project: Project) -> None:
    """Without dvc.yaml, which is written anew wherever params.yaml is another."""
    git(project.folder, "add", "--all")
    git(project.folder, "commit", "--quiet", "-m", "study")


class Lab:
    """A clone on a login node, the shared folder, and the cluster."""

    def __init__(self, project: Project, shared: Path, cluster: SlurmCluster):
        self.project, self.shared, self.cluster = project, shared, cluster
        shared.mkdir()
        self.begun: list[subprocess.Popen] = []

    def arguments(self, *more: str) -> tuple[str, ...]:
        return (*INDUCTION, "study", "--on", "slurm", "--shared", str(self.shared), *more)

    def study(self, *more: str) -> subprocess.CompletedProcess:
        return self.project.run(*self.arguments(*more), variables=self.cluster.variables)

    def begin(self, *more: str) -> subprocess.Popen:
        """The same, without waiting for its end."""
        with open(self.project.folder / "study.log", "w") as log:
            to_log = {"stdout": log, "stderr": log}
            variables = self.cluster.variables
            process = self.project.start(*self.arguments(*more), variables=variables, **to_log)
        self.begun.append(process)
        return process

    def said(self) -> str:
        return (self.project.folder / "study.log").read_text()

    def jobs(self, *more: str) -> str:
        done = self.project.run(*INDUCTION, "jobs", *more, variables=self.cluster.variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def run(self) -> Path:
        """That of the last commit."""
        (folder,) = (self.shared / "runs").glob(f"{self.revision}-*")
        return folder

    @property
    def revision(self) -> str:
        return git(self.project.folder, "rev-parse", "HEAD")[:12]

    def log(self, cell: str) -> str:
        logs = self.shared.glob(f"runs/{self.revision}-*/logs/{cell}.log")
        return "".join(path.read_text() for path in logs)

    def record(self, cell: str) -> records.Record:
        return records.read(self.run / "records" / f"{cell}.json")

    def ran(self, cell: str) -> Counter:
        """How often each stage of a cell began, on all machines."""
        return Counter(name.partition("@")[0] for name in RAN.findall(self.log(cell)))

    def wait_until(self, holds: Callable[[], object], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.said() + self.jobs()
            time.sleep(0.2)


@pytest.fixture
def lab(committed, cluster, tmp_path) -> Iterator[Lab]:
    created = Lab(committed.copy(tmp_path / "login"), tmp_path / "lab", cluster)
    yield created
    for process in created.begun:
        process.kill()
        process.wait()
    cluster.recover()


def longer(params: dict) -> dict:
    """One cell, whose training takes about half a minute."""
    tokens = 64 * STEPS
    params["cells"] = {CELLS[0]: params["cells"][CELLS[0]]}
    params["train"] |= {"tokens": tokens, "batch": 1, "micro_batch": 1}
    params["train"]["checkpoints"] = [{"until": tokens, "every": tokens // 4}]
    params["corpus"] |= {"max_characters": 2_000_000}
    return params


@pytest.fixture
def long_lab(lab) -> Lab:
    lab.project.edit(longer)
    commit(lab.project)
    return lab


def trains(lab: Lab) -> bool:
    """Whether a training has kept a state that is worth going on from."""
    for path in (lab.shared / "train").glob("*/state.safetensors"):
        with safe_open(path, framework="np") as file:
            return json.loads(file.metadata()["state"])["step"] > 0
    return False


def nothing_twice(lab: Lab, cell: str, again: tuple[str, ...] = ()) -> None:
    """Every stage of a cell began once, those in `again` more than once."""
    wanted = {stage: 1 for stage in PER_CELL}
    counts = lab.ran(cell)
    assert {**counts, **dict.fromkeys(again, 1)} == wanted, f"{lab.record(cell)}\n{lab.log(cell)}"
    assert all(counts[stage] > 1 for stage in again), counts


def test_a_study_on_slurm_gives_the_bytes_of_one_here(lab, studied):
    done = lab.study("--jobs", "2", "--options=--gres=gpu:1")
    assert done.returncode == 0, done.stdout + done.stderr
    ours, theirs = (read_lock(p.folder / "dvc.lock") for p in (lab.project, studied))
    assert {n: hashes(s, "outs") for n, s in ours.items()} == {
        n: hashes(s, "outs") for n, s in theirs.items()
    }
    wanted = studied.products()
    products = lab.project.products()
    assert not [path for path in products if path.startswith("data/train/")], "no checkpoint came"
    assert all(wanted[path] == content for path, content in products.items())
    assert {p for p in wanted if p.startswith("reports/")} <= {*products}
    for cell in CELLS:
        nothing_twice(lab, cell)
        assert re.search(rf"^{cell}: ICL .*; \d+ s$", done.stdout, re.MULTILINE)
    assert "ICL at the end" in done.stdout
    assert {*PER_GRID} <= {*RAN.findall(done.stdout)}
    assert not {*PER_CELL} & {name.partition("@")[0] for name in RAN.findall(done.stdout)}
    listed = lab.jobs()
    assert all(re.search(rf"^{cell} +done ", listed, re.MULTILINE) for cell in CELLS)

    # Another clone of that commit fetches what it needs to report, and trains nothing.
    another = lab.project.copy(lab.shared.with_name("another"))
    for name in ("data", ".dvc/cache", ".dvc/config.local", ".scratch"):
        remove(another.folder / name)
    mine, lab.project = lab.project, another
    done = lab.study()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not {*PER_CELL} & {name.partition("@")[0] for name in RAN.findall(done.stdout)}
    assert (another.folder / "data" / "icl" / CELLS[0] / "icl.parquet").exists()
    assert not (another.folder / "data" / "train" / CELLS[0]).exists()
    lab.project = mine

    # Once more: nothing is out of date, though the checkpoints are not here, and nothing is queued.
    before = (lab.run / "jobs.json").read_text()
    done = lab.study()
    assert done.returncode == 0 and "submitted" not in done.stderr, done.stderr
    assert not RAN.findall(done.stdout)
    assert (lab.run / "jobs.json").read_text() == before


def test_a_node_that_is_lost_in_training(long_lab):
    lab, (cell, _) = long_lab, CELLS
    process = lab.begin()
    lab.wait_until(lambda: trains(lab))
    node = lab.record(cell).attempts[-1].node
    lab.cluster.kill_node(node)
    assert process.wait(600) == 0, lab.said()
    (match,) = GOES_ON.finditer(lab.log(cell))
    assert 0 < int(match[1]) < int(match[2]) == STEPS
    nothing_twice(lab, cell, again=("train",))
    first, second = lab.record(cell).attempts
    assert first.node == node != second.node and (first.end, second.end) == ("", "done")


def test_a_lost_node_takes_no_job_of_another_cluster_with_it(cluster):
    """Tests beside this one have nodes of the same names."""
    environment = {"SLURMD_NODENAME": "n1", "SLURM_CONF": str(cluster.folder / "another.conf")}
    with start(["sleep", "60"], environment) as theirs:
        cluster.kill_node("n1")
        cluster.start_node("n1")
        assert theirs.poll() is None
        theirs.kill()


def test_a_node_that_is_lost_in_a_late_stage(lab):
    """What had ended came from the cache: only the stage that was lost ran again."""
    cell = CELLS[0]
    source = lab.project.folder / "stages" / "circuits.py"
    honest = source.read_text()
    source.write_text(honest.replace("def main(job: Job) -> None:\n", SLOW, 1))
    assert source.read_text() != honest
    commit(lab.project)
    process = lab.begin("--cells", cell)
    lab.wait_until(lambda: "circuits" in lab.ran(cell))
    lab.cluster.kill_node(lab.record(cell).attempts[-1].node)
    assert process.wait(600) == 0, lab.said()
    nothing_twice(lab, cell, again=("circuits",))


SLOW = """def main(job: Job) -> None:
    import time
    time.sleep(15)
"""


def test_preemption(long_lab):
    lab, cell = long_lab, CELLS[0]
    process = lab.begin("--options=--exclusive")
    lab.wait_until(lambda: trains(lab))
    node = lab.record(cell).attempts[-1].node
    urgent = lab.cluster.ask(
        "sbatch", "--parsable", "--partition=urgent", "--exclusive", "--nodes=3",
        "--output=/dev/null", "--wrap=sleep 10",
    ).strip()  # fmt: skip
    assert process.wait(600) == 0, lab.said()
    (match,) = GOES_ON.finditer(lab.log(cell))
    assert 0 < int(match[1]) < STEPS
    nothing_twice(lab, cell, again=("train",))
    first, second = lab.record(cell).attempts
    assert first.node == node and (first.end, second.end) == ("stopped", "done")
    assert "preempted" in first.says
    assert urgent


def test_the_time_limit(long_lab):
    """The state is kept a minute before it, and the job goes back into the queue by itself."""
    lab, cell = long_lab, CELLS[0]
    slower = lab.project.folder / "induction" / "models" / "training.py"
    source = slower.read_text()
    slower.write_text(source.replace("        self.step += 1\n", SLEEP, 1))
    assert slower.read_text() != source
    commit(lab.project)
    done = lab.study("--options=--time=2")
    assert done.returncode == 0, done.stdout + done.stderr
    attempts = lab.record(cell).attempts
    assert [each.end for each in attempts] == [*["stopped"] * (len(attempts) - 1), "done"]
    assert len(attempts) > 1 and all("time limit" in each.says for each in attempts[:-1])
    steps = [int(match[1]) for match in GOES_ON.finditer(lab.log(cell))]
    # On a busy machine the time may run out in a later stage, too: no step is trained twice.
    assert 0 < len(steps) < len(attempts) and steps == sorted({*steps}), (steps, attempts)
    assert len(json.loads((lab.run / "jobs.json").read_text())) == 1, "Slurm queued it again"


SLEEP = """        self.step += 1
        __import__("time").sleep(0.012)
"""


def test_other_packages_on_one_node(lab, tmp_path):
    """Its cells go to other nodes."""
    python = tmp_path / "python"
    fake = tmp_path / "fake" / "torch-0.1.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    real = shutil.which("python", path=lab.project.run("sh", "-c", "echo $PATH").stdout.strip())
    python.write_text(
        f'#!/bin/sh\n[ "$SLURMD_NODENAME" = n2 ] && export PYTHONPATH={tmp_path}/fake\n'
        f'exec {real} "$@"\n'
    )
    python.chmod(0o755)
    done = lab.study("--python", str(python), "--options=--exclusive")
    assert done.returncode == 0, done.stdout + done.stderr
    attempts = {cell: lab.record(cell).attempts for cell in CELLS}
    (moved,) = (cell for cell in CELLS if len(attempts[cell]) == 2)
    first, second = attempts[moved]
    assert (first.node, first.end, second.end) == ("n2", "refused", "done") and second.node != "n2"
    assert first.says.startswith("torch: found 0.1, expected ")
    assert f"{moved}: n2 has other packages (torch: found 0.1" in done.stderr
    for cell in CELLS:
        nothing_twice(lab, cell)
    # On the node that the preflight looks at, nothing is queued.
    shutil.rmtree(lab.shared)
    lab.shared.mkdir()
    done = lab.study("--python", str(python), "--options=--nodelist=n2")
    assert done.returncode == 1 and not (lab.run / "jobs.json").exists()
    assert "node n2: found other packages than here: torch: found 0.1, expected" in done.stderr


def test_a_cell_that_fails(lab):
    """It is not tried again, its error is told, and the other one, in the same task, goes on."""
    bad, good = CELLS
    source = lab.project.folder / "stages" / "train.py"
    honest = source.read_text()
    source.write_text(honest.replace("    params = job.params\n", BROKEN, 1))
    assert source.read_text() != honest
    commit(lab.project)
    done = lab.study("--pack", "2")
    assert done.returncode == 1
    assert "1 of 2 cells failed; what the others made is kept:" in done.stderr
    line = next(line for line in done.stderr.splitlines() if line.startswith(f"  {bad}:"))
    assert "broken for a test; mend it" in line and f"logs/{bad}.log" in line
    assert [each.end for each in lab.record(bad).attempts] == ["failed"]
    nothing_twice(lab, good)
    assert (lab.project.folder / "data" / "icl" / good / "icl.parquet").exists()
    source.write_text(honest)
    commit(lab.project)
    done = lab.study("--pack", "2")
    assert done.returncode == 0, done.stdout + done.stderr


BROKEN = """    params = job.params
    if job.instance == "attn1_s0":
        raise StageError("broken for a test; mend it")
"""


def test_ctrl_c_and_the_same_command_again(long_lab):
    lab, cell = long_lab, CELLS[0]
    process = lab.begin()
    lab.wait_until(lambda: trains(lab))
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    said = lab.said()
    assert "detached: the jobs go on" in said and re.search(r"`scancel \d+` ends them", said)
    listed = lab.jobs()
    assert re.search(rf"^{cell} +running +train .* n\d ", listed, re.MULTILINE), listed
    before = (lab.run / "jobs.json").read_text()
    done = lab.study()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "attached to 1 that run already" in done.stderr
    assert (lab.run / "jobs.json").read_text() == before, "nothing was submitted again"
    nothing_twice(lab, cell)
    assert len(lab.record(cell).attempts) == 1


def test_jobs_that_are_cancelled_end_and_can_be_submitted_again(long_lab):
    lab, cell = long_lab, CELLS[0]
    process = lab.begin()
    lab.wait_until(lambda: trains(lab))
    lab.jobs("--cancel")
    assert process.wait(60) == 1
    assert "was cancelled" in lab.said()
    done = lab.study()
    assert done.returncode == 0, done.stdout + done.stderr
    nothing_twice(lab, cell, again=("train",))
    assert GOES_ON.search(lab.log(cell))


def test_slurmctld_is_away_for_a_while(long_lab):
    lab, cell = long_lab, CELLS[0]
    process = lab.begin()
    lab.wait_until(lambda: trains(lab))
    lab.cluster.kill_controller()
    lab.wait_until(lambda: "Slurm does not answer" in lab.said(), 60)
    lab.cluster.start_controller()
    assert process.wait(600) == 0, lab.said()
    nothing_twice(lab, cell)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("--partition=nowhere", "invalid partition specified"),
        ("--gres=gpu:8", "Requested node configuration is not available"),
        ("--mem=1T", "Requested node configuration is not available"),
        ("--tiem=1", "unrecognized option"),
    ],
)
def test_what_slurm_refuses_is_told_before_anything_is_queued(lab, options, wanted):
    done = lab.study(f"--options={options}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert wanted in done.stderr and "correct SLURM" in done.stderr
    assert not [*lab.shared.iterdir()]


def test_what_slurm_takes_and_never_starts_fails(lab):
    """As a partition's time limit is not looked at before: nothing of it stays in the queue."""
    done = lab.study("--options=--partition=short --time=20")
    assert done.returncode == 1
    assert done.stderr.count("asks for more --time than the partition allows; lower it in") == 4
    assert not lab.cluster.ask("squeue", "--noheader").strip()


def test_what_is_not_in_the_commit_is_told(lab):
    lab.project.append("stages/icl.py", "# changed\n")
    done = lab.study()
    assert done.returncode == 1
    assert "stages/icl.py: found changes, expected those of a commit" in done.stderr
    assert not [*lab.shared.iterdir()]


def test_no_shared_folder(lab):
    shutil.rmtree(lab.shared)
    done = lab.study()
    assert done.returncode == 1
    assert f"SHARED: found no folder {lab.shared}, expected one that all nodes see" in done.stderr


@pytest.mark.skipif(
    run(["unshare", "--mount", "true"], capture_output=True).returncode != 0,
    reason="a container that may mount nothing can hide no folder from a node",
)
def test_a_shared_folder_that_nodes_do_not_see(lab):
    lab.cluster.hide(lab.shared)
    done = lab.study()
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"SHARED: {lab.shared}: not visible on node n" in done.stderr
    assert not (lab.run / "jobs.json").exists()

"""A real Slurm on this machine, for tests: munged, slurmctld and a slurmd per node, loopback only.

What is started is ended by its process id, whatever happens.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from induction.pipeline.environment import run

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
SBIN = "/usr/sbin"  # where Debian has the daemons
NODES = ("n1", "n2", "n3")

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# cred_expire is also how long a requeued job waits before it may start again.
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=30
MessageTimeout=10
InactiveLimit=0
MinJobAge=300
KillWait=5
OverTimeLimit=0
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=short Nodes=ALL MaxTime=10 State=UP PriorityTier=1
"""


class SlurmCluster:
    """Three nodes of two cores and one GPU, which is a plain file: enough for Slurm to count it."""

    def __init__(self, folder: Path, cores: int = 2):
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        host = socket.gethostname().partition(".")[0]
        ports = _free_ports(1 + len(NODES))
        nodes, gpus = [], []
        for name, port in zip(NODES, ports[1:], strict=True):
            (folder / f"gpu-{name}").touch()
            gpus.append(f"NodeName={name} Name=gpu File={folder}/gpu-{name}")
            nodes.append(
                f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
                f"CPUs={cores} RealMemory=4000 Gres=gpu:1 State=UNKNOWN"
            )
        user = psutil.Process().username()
        values = {"host": host, "port": ports[0], "user": user, "folder": folder}
        conf = CONF.format(**values, nodes="\n".join(nodes))
        (folder / "slurm.conf").write_text(conf)
        (folder / "gres.conf").write_text("\n".join(gpus) + "\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o600)
        self._run(
            "munged",
            f"--key-file={key}",
            f"--socket={folder}/munge.sock",
            f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log",
            f"--seed-file={folder}/munge.seed",
            "--force",
        )
        self.start_controller()
        for name in NODES:
            self.start_node(name)
        self._wait_for("idle", len(NODES))

    @property
    def variables(self) -> dict[str, str]:
        return {"SLURM_CONF": self.conf}

    @property
    def conf(self) -> str:
        return str(self.folder / "slurm.conf")

    def ask(self, *command: str) -> str:
        done = self._run(*command)
        return done.stdout

    def start_controller(self) -> None:
        self._run("slurmctld", "-f", self.conf)

    def start_node(self, name: str) -> None:
        self._run("slurmd", "-f", self.conf, "-N", name)

    def kill_node(self, name: str) -> None:
        """Lose a node: its daemon and all that runs on it, with SIGKILL."""
        daemons = (
            [psutil.Process(self._pid(f"slurmd.{name}"))]
            if self._is_alive(f"slurmd.{name}")
            else []
        )
        jobs = [p for p in psutil.process_iter() if self._is_job(p, name)]
        for process in (*daemons, *jobs):
            for each in (*_children(process), process):
                with suppress(psutil.Error):
                    each.kill()

    def hide(self, folder: Path) -> None:
        """Have no node see what is in a folder, as if it were on a disk of another machine."""
        for name in NODES:
            self.kill_node(name)
            over = f"mount -t tmpfs none '{folder}' && exec slurmd -f '{self.conf}' -N {name}"
            self._run("unshare", "--mount", "sh", "-c", over)
        self._wait_for("idle", len(NODES))

    def recover(self) -> None:
        """Have all daemons run as at the beginning, and no job."""
        if not self._is_alive("slurmctld"):
            self.start_controller()
        self._run("scancel", "--quiet", "--user", psutil.Process().username())
        for name in NODES:
            self.kill_node(name)
            self.start_node(name)
        self._wait_for("idle", len(NODES))

    def kill_controller(self) -> None:
        os.kill(self._pid("slurmctld"), signal.SIGKILL)

    def stop(self) -> None:
        """End every daemon, and every job of theirs, by their process ids."""
        with suppress(Exception):
            self._run("scancel", "--user", psutil.Process().username())
            time.sleep(1)
        pids = [int(path.read_text()) for path in self.folder.glob("*.pid") if _text(path)]
        steps = [p for p in psutil.process_iter() if any(self._is_job(p, n) for n in NODES)]
        daemons = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        ours = [each for p in (*daemons, *steps) for each in (*_children(p), p)]
        for process in ours:
            with suppress(psutil.Error):
                process.terminate()
        for process in psutil.wait_procs(ours, timeout=5)[1]:
            with suppress(psutil.Error):
                process.kill()
        left = [p for p in psutil.process_iter(["cmdline"]) if str(self.folder) in _line(p)]
        assert not left, left

    def _is_job(self, process: psutil.Process, node: str) -> bool:
        """Whether a process is a job's on a node: of this cluster, as tests beside this one have
        nodes of these names too."""
        with suppress(psutil.Error):
            variables = process.environ()
            of = (variables.get("SLURM_CONF"), variables.get("SLURMD_NODENAME"))
            return of == (self.conf, node)
        return False

    def _is_alive(self, name: str) -> bool:
        return psutil.pid_exists(self._pid(name))

    def _pid(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text())

    def _run(self, *command: str) -> subprocess.CompletedProcess:
        path = {"PATH": f"{os.environ['PATH']}{os.pathsep}{SBIN}"}
        program = shutil.which(command[0], path=path["PATH"]) or command[0]
        done = run([program, *command[1:]], path | self.variables, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stderr)
        return done

    def _wait_for(self, state: str, count: int) -> None:
        deadline = time.monotonic() + 30
        while self.ask("sinfo", "-N", "-h", "-p", "main", "-o", "%t").split().count(state) < count:
            assert time.monotonic() < deadline, self.ask("sinfo")
            time.sleep(0.2)


@contextmanager
def slurm(folder: Path, cores: int = 2) -> Iterator[SlurmCluster]:
    """Skips the test where there is no Slurm, unless it has to be there, as in CI."""
    path = f"{os.environ['PATH']}{os.pathsep}{SBIN}"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        assert "REQUIRE_SLURM" not in os.environ, f"not installed: {missing}"
        pytest.skip(f"not installed: {', '.join(missing)}")
    cluster = object.__new__(SlurmCluster)
    try:
        cluster.__init__(folder, cores)
        yield cluster
    finally:
        cluster.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _line(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or [])


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []

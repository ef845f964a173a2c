"""The environment of every program that we start: Git, DVC and, through it, the stages.

It decides what these programs work on and whose code they run, so it is made in one place:
tests/pipeline/test_environment.py fails where a program is started in another way.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from induction.config.paths import TORCH

DVC = (sys.executable, "-m", "dvc")  # the script `dvc` names the folder it was installed in

# Of Git's and DVC's variables these alone reach a program: who commits, and how to reach remotes.
# The others say which repository, index, refs, cache or experiment is meant, and a hook of Git or
# a stage of another DVC project sets them for a repository that is not this one.
KEPT = frozenset(
    {
        "DVC_GLOBAL_CONFIG_DIR",
        "DVC_SYSTEM_CONFIG_DIR",
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_AUTHOR_EMAIL",
        "GIT_AUTHOR_NAME",
        "GIT_CEILING_DIRECTORIES",
        "GIT_COMMITTER_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
        "GIT_PROXY_COMMAND",
        "GIT_PROXY_SSL_CAINFO",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
        "GIT_SSL_NO_VERIFY",
        "GIT_TERMINAL_PROMPT",
    }
)
# With these, Python would run other code than this project's by this interpreter, stop at a
# warning of a package, or wait for input at the end.
DROPPED = frozenset(
    {
        "PYTHONHOME",
        "PYTHONINSPECT",
        "PYTHONOPTIMIZE",
        "PYTHONPATH",
        "PYTHONPLATLIBDIR",
        "PYTHONSAFEPATH",
        "PYTHONWARNINGS",
    }
)


def environment(**variables: str) -> dict[str, str]:
    """The variables of this process that may reach a program, ours, and then `variables`."""
    reaching = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not (name in DROPPED or name.startswith(("GIT_", "DVC_", "STUDIO_")))
    }
    bin_folder = str(Path(sys.executable).parent)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return {
        **reaching,
        # `python -m stages.<name>` in dvc.yaml is to be this Python.
        "PATH": os.pathsep.join([bin_folder, *(path for path in folders if path != bin_folder)]),
        # DVC runs stages by it, and it may be one that refuses to run anything.
        "SHELL": "/bin/sh",
        # Files are UTF-8 in any locale; a terminal that is not gets characters it can show.
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": f"{getattr(sys.__stdout__, 'encoding', 'utf-8')}:backslashreplace",
        # Outside of a project DVC reports home, by files that it leaves in the temporary folder;
        # torch makes a folder there.
        "DVC_NO_ANALYTICS": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(TORCH),
        # The C library of Linux returns what a tensor held to the system and asks for it again at
        # the next one. Kept instead, up to 1 GiB, the pages need not be cleared each time, which
        # costs stages that run models a good part of their time. 32 MiB is its largest limit.
        "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
        "MALLOC_TRIM_THRESHOLD_": str(2**30),
        **variables,
    }


def adopt() -> None:
    """Go on in that environment: what we import may start programs, too."""
    wanted = environment()
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def run(
    command: Sequence[str | Path], variables: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess:
    """`subprocess.run` in that environment, with more variables."""
    return subprocess.run(command, env=environment(**(variables or {})), **more)


def start(
    command: Sequence[str | Path], variables: dict[str, str] | None = None, **more: Any
) -> subprocess.Popen:
    """`subprocess.Popen` in that environment, with more variables."""
    return subprocess.Popen(command, env=environment(**(variables or {})), **more)

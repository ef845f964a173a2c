"""Git for tests: without the configuration, the hooks and the repository of whoever runs them."""

import os
from pathlib import Path

from induction.pipeline.environment import run

ISOLATED = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
WHO = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def git(folder: Path, *arguments: str) -> str:
    """What `git` prints in a folder; it has to end well."""
    command = ["git", *WHO, *arguments]
    done = run(command, ISOLATED, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

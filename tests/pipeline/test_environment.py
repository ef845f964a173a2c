"""The environment of the programs that we start: made in one place, whatever ours says."""

import ast
import json
import os
import platform
import sys
from pathlib import Path

import pytest

from induction.pipeline.environment import DVC, adopt, environment, run
from tests.git import git

HERE = "induction/pipeline/environment.py"
# Begins itself anew, with more variables.
ANEW = "induction/config/utf8.py"
SOURCES = [path for top in ("induction", "stages", "tests") for path in Path(top).rglob("*.py")]
# What starts programs; the other names of these modules are constants and types.
STARTERS = {
    "subprocess": {"run", "Popen", "call", "check_call", "check_output", "getoutput"},
    "os": {"system", "popen", "posix_spawn", "posix_spawnp", "startfile"},
    "pty": {"spawn"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}
ECHO = "import json, os, sys; print(json.dumps([dict(os.environ), sys.flags.optimize, sys.path]))"


def started(path: Path) -> list[str]:
    """The places at which a file starts a program by itself."""
    places = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        module, names = "", []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            module, names = ast.unparse(node.func.value), [node.func.attr]
        elif isinstance(node, ast.ImportFrom):
            module, names = str(node.module), [alias.name for alias in node.names]
        for name in names:
            begun = module == "os" and name.startswith(("exec", "spawn"))
            if begun or name in STARTERS.get(module, ()):
                places.append(f"{path}:{node.lineno}: {module}.{name}")
    return places


def test_programs_are_started_in_one_place():
    assert started(Path(HERE)), "the search finds those of the one place"
    assert not [
        place for path in SOURCES if path.as_posix() not in (HERE, ANEW) for place in started(path)
    ]


@pytest.fixture
def hostile(monkeypatch, tmp_path) -> dict[str, str]:
    """What hooks, other DVC projects and shells set; each would lead a program astray."""
    listed = git(tmp_path, "rev-parse", "--local-env-vars")
    variables = {
        **dict.fromkeys(listed.split(), str(tmp_path / "elsewhere")),
        "GIT_NAMESPACE": "other",
        "GIT_QUARANTINE_PATH": str(tmp_path),
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_TEMPLATE_DIR": str(tmp_path),
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_EXTERNAL_DIFF": "false",
        "DVC_ROOT": str(tmp_path),
        "DVC_STAGE": "other",
        "DVC_EXP_NAME": "other",
        "DVC_EXP_AUTO_PUSH": "true",
        "DVC_STUDIO_TOKEN": "secret",
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        "PYTHONOPTIMIZE": "2",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(tmp_path),
        "PYTHONWARNINGS": "error",
        "PYTHONINSPECT": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHELL", "/bin/false")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return variables


def test_what_leads_astray_reaches_no_program(hostile, tmp_path):
    done = run(["python", "-c", ECHO], cwd=tmp_path, capture_output=True, text=True, check=True)
    variables, optimize, path = json.loads(done.stdout)
    assert not hostile.keys() & variables.keys()
    assert optimize == 0 and path[0] == "" and str(tmp_path) not in path
    assert variables["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert variables["SHELL"] == "/bin/sh"
    (tmp_path / "work").mkdir()
    git(tmp_path / "work", "init", "-q")
    assert git(tmp_path / "work", "rev-parse", "--show-toplevel") == str(tmp_path / "work")


def test_a_stage_run_by_dvc_is_of_this_folder_and_this_python(hostile, tmp_path):
    git(tmp_path, "init", "-q")
    run([*DVC, "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "one.py").write_text(
        "import sys; open('out', 'w').write(sys.executable + ' ' + __file__)"
    )
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: python -m stages.one, outs: [out]}}")
    done = run([*DVC, "repro"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    here = f"{Path(sys.executable).parent / 'python'} {tmp_path / 'stages' / 'one.py'}"
    assert (tmp_path / "out").read_text() == here


def test_a_program_that_we_import_starts_others_in_it_too(hostile):
    adopt()
    assert not hostile.keys() & os.environ.keys()
    assert dict(os.environ) == environment()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library decides")
def test_memory_that_was_used_is_used_again_without_the_system(tmp_path):
    """32 MiB have 8,192 pages, each cleared once rather than in all of 20 rounds."""
    code = (
        "import resource\n"
        "for _ in range(20): texts = [b'x' * 2**23 for _ in range(4)]; del texts\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 8192 < int(done.stdout) < 3 * 8192


def test_who_commits_and_how_to_reach_remotes_stays(monkeypatch):
    kept = {"GIT_SSH_COMMAND": "ssh -i key", "GIT_AUTHOR_NAME": "A", "AWS_PROFILE": "lab"}
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    assert kept.items() <= environment(HOME="/nowhere").items()
    assert environment(HOME="/nowhere")["HOME"] == "/nowhere"

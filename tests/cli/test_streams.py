"""Terminals and locales that are not UTF-8, and a Python that runs without docstrings."""

import os
import pty
import subprocess

import pytest

from tests.project import INDUCTION, Project

PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NOT_UTF8 = [
    pytest.param({"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.slow, id="latin-1"),
    pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.slow, id="ascii"),
    pytest.param(PLAIN, id="C"),
]
SQL = "select 'é×→' as x"


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    return studied.copy(tmp_path_factory.mktemp("streams") / "study")


def bare(variables: dict[str, str]) -> dict[str, str]:
    """Only these say what is printed how, not those that our programs get otherwise."""
    return {"PYTHONUTF8": "0", "PYTHONIOENCODING": "", "LC_ALL": "C.UTF-8", **variables}


def on_terminal(project: Project, variables: dict[str, str], *command: str) -> bytes:
    ours, theirs = pty.openpty()
    more = {"capture_output": False, "stdout": theirs, "stderr": subprocess.PIPE}
    done = project.run(*INDUCTION, *command, variables=bare(variables), **more)
    os.close(theirs)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    return shown


@pytest.mark.parametrize("variables", NOT_UTF8)
def test_a_terminal_gets_what_it_can_show(variables, project):
    shown = on_terminal(project, variables, "query", SQL).decode("latin-1").splitlines()
    e_acute = "é×" if variables.get("PYTHONIOENCODING") == "latin-1" else r"\xe9x"
    assert shown[0] == "+---------+" and shown[-2] == "+---------+"
    assert shown[-3].split() == ["|", rf"{e_acute}\u2192", "|"]


@pytest.mark.parametrize("variables", NOT_UTF8)
def test_a_file_is_utf_8(variables, project):
    for options in (("--format", "csv"), ("--format", "markdown"), ()):
        command = (*INDUCTION, "query", *options, SQL)
        done = project.run(*command, variables=bare(variables), text=False)
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        assert "é×→" in done.stdout.decode("utf-8")
    done = project.run(
        *INDUCTION, "query", "-", variables=bare(variables), text=False, input=SQL.encode()
    )
    assert "é×→" in done.stdout.decode("utf-8"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["patterns", "show", "verify", "compare", "plan"])
def test_every_command_works_in_plain_ascii(command, project):
    checkpoint = "data/train/attn1_s0/step_000005.safetensors"
    arguments = {"patterns": [checkpoint, "L0H1"], "compare": ["reports"], "plan": ["--check"]}
    on_terminal(project, PLAIN, command, *arguments.get(command, []))


def test_a_query_that_is_no_text_is_an_error_of_its_own(project):
    done = project.run(*INDUCTION, "query", "-", input=b"select \xff", text=False)
    assert done.returncode == 1 and done.stderr.startswith(b"error: "), done.stderr


def test_names_of_files_do_not_depend_on_the_locale(project):
    (project.folder / "names.py").write_text(
        "import os\nfrom induction.config.utf8 import run_in_utf8\n"
        "run_in_utf8()\nprint(ascii(os.listdir('named')))\n"
    )
    (project.folder / "named").mkdir()
    (project.folder / "named" / "é").touch()
    done = project.run("python", "names.py", variables=bare(PLAIN))
    assert done.stdout == "['\\xe9']\n", done.stderr
    done = project.run("python", "-m", "stages.plan", variables=bare(PLAIN))
    assert done.returncode == 0 and "plan: " in done.stderr


def test_without_docstrings_one_line_says_what_to_unset(project):
    for command in ((*INDUCTION, "show"), ("python", "-m", "stages.plan")):
        done = project.run(*command, variables={"PYTHONOPTIMIZE": "2"})
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1 and line.startswith("error: ")
        assert line.endswith("unset PYTHONOPTIMIZE")
        assert project.run(*command, variables={"PYTHONOPTIMIZE": "1"}).returncode == 0


@pytest.mark.slow
def test_what_a_command_starts_has_docstrings_and_asserts(project):
    done = project.run(*INDUCTION, "study", variables={"PYTHONOPTIMIZE": "1"})
    assert done.returncode == 0, done.stderr

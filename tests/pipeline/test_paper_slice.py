"""A slice of params.paper.yaml, shrunk as far as a test allows, from nothing to the report."""

import sys

import pytest
import yaml

from induction.pipeline.environment import run
from tests.project import INDUCTION, ROOT, Project, english

SLICE = ("docs/examples/paper_slice.py", "--tokens", "200000", "--width", "24", "--heads", "12")
SHRUNK = ("--vocabulary", "300", "--context", "576", "--ablated", "4")


def on_books(params: dict) -> dict:
    """The slice on the text of the tests, with fewer examples."""
    params["corpus"] |= {"files": "books/*.txt", "max_characters": 600_000}
    params["corpus"] |= {"tokenizer_characters": 100_000}
    params["corpus"]["evaluation"] |= {"sequences": 12, "held_out": 0.2}
    params["icl"]["bootstrap_draws"] = 100
    params["heads"] |= {"text_sequences": 4, "lengths": [10, 25]}
    params["circuits"] |= {"sequences": 4, "trial_sequences": 6, "min_count": 5, "sources": 60}
    params["circuits"] |= {"counted": 20_000, "checkpoints": ["last"]}
    params["phases"]["min_checkpoints"] = 4
    return params


@pytest.mark.slow
def test_it_runs_with_evaluation_windows_shorter_than_the_context(tmp_path):
    command = [sys.executable, *SLICE, *SHRUNK]
    done = run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    project = Project(tmp_path / "slice")
    english(project.folder / "books")
    project.edit(lambda _: on_books(yaml.safe_load(done.stdout)))
    project.repro()
    assert {*project.metrics()} == {"attn1_s0", "attn2_s0"}
    summary = (project.folder / "reports" / "summary.md").read_text()
    assert "12 evaluation sequences of 512 tokens" in summary
    verified = project.run(*INDUCTION, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr

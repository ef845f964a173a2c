"""Watching cells to their end, whoever runs them: a made-up engine says how they are."""

from pathlib import Path

import pytest

from induction.pipeline.engines.engine import Away, Outcome, State, summary, watch
from induction.pipeline.work import Work

WORKS = [Work(cell, [], []) for cell in ("a", "b")]


class Scripted:
    """Says one thing after the other; remembers what was submitted."""

    def __init__(self, *states: dict[str, State] | Away):
        self.left = [*states]
        self.submitted: list[list[str]] = []

    def submit(self, cells) -> None:
        self.submitted.append([each.cell for each in cells])

    def states(self) -> dict[str, State]:
        now = self.left.pop(0)
        if isinstance(now, Away):
            raise now
        return now

    def cancel(self) -> None: ...

    def log(self, cell: str) -> Path:
        return Path(cell)


RUNS, DONE = State("running", "train"), State("done", seconds=3.0, result="a: ICL")


def test_results_and_ends_are_told_once(capsys):
    half = State("running", "circuits", result="a: ICL")
    engine = Scripted(
        {"a": half, "b": State("queued", "no node is free")},
        {"a": half, "b": RUNS},
        {"a": DONE, "b": State("failed", "broken (on n1)", seconds=1.0)},
    )
    outcomes = watch(engine, WORKS, 0.0, "somewhere")
    assert outcomes == [Outcome("a", 3.0, ""), Outcome("b", 1.0, "broken (on n1)")]
    said = capsys.readouterr()
    assert said.out == "a: ICL\n"
    assert said.err.count("a: done (3 s)") == said.err.count("b: FAILED: broken (on n1)") == 1
    assert engine.submitted == []


def test_what_is_lost_is_submitted_again(capsys):
    lost = State("lost", "its node was lost")
    engine = Scripted({"a": lost, "b": RUNS}, {"a": RUNS, "b": DONE}, {"a": DONE, "b": DONE})
    assert [each.error for each in watch(engine, WORKS, 0.0, "somewhere")] == ["", ""]
    assert engine.submitted == [["a"]]
    assert "a: its node was lost; submitted again" in capsys.readouterr().err


def test_silence_is_told_once_and_waited_for(capsys):
    away = Away("squeue: Slurm does not answer")
    engine = Scripted(away, away, {"a": RUNS, "b": DONE}, away, {"a": DONE, "b": DONE})
    assert len(watch(engine, WORKS, 0.0, "somewhere")) == 2
    said = capsys.readouterr().err
    assert said.count("Slurm does not answer; what runs goes on, asking again") == 2


@pytest.mark.parametrize("has_log", [True, False])
def test_the_summary_names_the_log_that_is_there(tmp_path, has_log):
    if has_log:
        (tmp_path / "b").touch()
    said = summary([Outcome("a", 1, ""), Outcome("b", 1, "broken")], lambda cell: tmp_path / cell)
    assert said.splitlines()[0] == "1 of 2 cells failed; what the others made is kept:"
    assert said.splitlines()[1].startswith("  b: broken")
    assert (f"(its log: {tmp_path / 'b'})" in said) == has_log

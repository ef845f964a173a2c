"""Files that several processes write at once, and what the killed ones leave behind."""

import multiprocessing
import os
from pathlib import Path

import pytest

from induction.tables import atomic
from induction.tables.atomic import remove_abandoned, write

SIZE, TIMES = 20_000, 1000


@pytest.fixture(autouse=True)
def unsynced(monkeypatch):
    """A thousand syncs would take a minute, and have no part in what is tested here."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


def _write_often(path: Path, letter: bytes) -> None:
    for _ in range(TIMES):
        write(path, letter * SIZE)


def test_two_writers_of_one_name_never_mix(tmp_path):
    """As when a node that was given up for dead still writes the state that its successor does."""
    path = tmp_path / "state"
    write(path, b"a" * SIZE)
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_write_often, args=(path, letter)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_bytes())
    assert [writer.exitcode for writer in writers] == [0, 0], "neither missed its own file"
    assert seen <= {b"a" * SIZE, b"b" * SIZE} and len(seen) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def _die_half_way(path: Path) -> None:
    os.replace = lambda *_: os._exit(9)
    write(path, b"half")


def _left_by_a_killed_process(path: Path) -> Path:
    process = multiprocessing.get_context("fork").Process(target=_die_half_way, args=(path,))
    process.start()
    process.join()
    (left,) = path.parent.glob("*.partial")
    return left


def test_what_a_killed_writer_left_goes_with_the_next_write_or_by_itself(tmp_path):
    left = _left_by_a_killed_process(tmp_path / "state")
    write(tmp_path / "another", b"")
    assert left.exists(), "it belongs to another file"
    write(tmp_path / "state", b"whole")
    assert not left.exists() and (tmp_path / "state").read_bytes() == b"whole"
    left = _left_by_a_killed_process(tmp_path / "state")
    remove_abandoned(tmp_path.iterdir())
    assert [p.name for p in tmp_path.iterdir() if p != left] and not left.exists()
    assert (tmp_path / "state").read_bytes() == b"whole" and (tmp_path / "another").exists()


def test_what_another_host_has_half_written_is_left_alone_for_a_day(tmp_path, monkeypatch):
    """Its process ids say nothing here."""
    left = _left_by_a_killed_process(tmp_path / "state")
    monkeypatch.setattr(atomic, "_host", lambda: "0123456789ab")
    write(tmp_path / "state", b"whole")
    assert left.exists()
    os.utime(left, (0, 0))
    write(tmp_path / "state", b"whole")
    assert not left.exists()


def test_what_a_living_process_is_writing_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: None)
    write(tmp_path / "state", b"half")
    (left,) = tmp_path.iterdir()
    remove_abandoned(tmp_path.iterdir())
    assert left.exists()


def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write(tmp_path / "folder", b"")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]

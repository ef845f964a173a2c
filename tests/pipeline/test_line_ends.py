"""Lines end the same in every clone, and editors that end them otherwise rerun nothing."""

import shutil

from induction.config.params import Params
from induction.pipeline import code_digests
from induction.pipeline.declarations import stages
from tests.git import git
from tests.project import ROOT


def test_a_clone_that_wants_crlf_has_the_bytes_of_all_others(tmp_path):
    """What DVC and the digests hash would differ, and everything would be out of date."""
    config = ("--config", "core.autocrlf=true", "--config", "core.eol=crlf")
    git(tmp_path, "clone", "--quiet", "--depth", "1", *config, ROOT.as_uri(), "clone")
    files = git(tmp_path / "clone", "ls-files", "--eol").splitlines()
    assert len(files) > 300
    assert [line for line in files if "w/crlf" in line or "w/mixed" in line] == []


def test_an_editor_that_writes_crlf_changes_no_digest(tmp_path, monkeypatch):
    names = {path for name in stages() for path in code_digests.files(name)}
    for path in (*names, "params.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / path)
        text = (tmp_path / path).read_bytes()
        (tmp_path / path).write_bytes(text.replace(b"\n", b"\r\n"))
    wanted = code_digests.digests(sorted(names)), Params().all()
    monkeypatch.chdir(tmp_path)
    assert (code_digests.digests(sorted(names)), Params().all()) == wanted

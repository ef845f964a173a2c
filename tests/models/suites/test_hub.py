"""Checkpoints of a hub: asked once, fetched one at a time, whole or not at all."""

import json
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from induction.config.errors import ParamsError, StageError
from induction.models.suites import hub as hub_module
from induction.models.suites.loading import load
from induction.models.suites.neighbours import check_neighbours
from induction.models.suites.revision import SuiteSource
from induction.models.suites.source import source_of
from induction.pipeline.environment import run
from tests.models.suites.loopback import serving
from tests.models.suites.made import saved, suite, tokenizer
from tests.project import ROOT

WEIGHTS = "model.safetensors"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Steps 0, 1 and 2, of which the first two are equal by mistake."""
    monkeypatch.setattr(hub_module, "WAITS", (0,) * 9)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for step, seed in ((0, 0), (1, 0), (2, 5)):
            folder = tmp_path / "pushed" / f"step{step}"
            saved(folder, "neox", seed)
            tokenizer().save(str(folder / "tokenizer.json"))
            (folder / "optimizer.pt").write_bytes(bytes(9_999))
            server.push(f"step{step}", folder, "apache-2.0" if step else "")
        yield server


def source(tmp_path: Path, steps=(0, 1, 2), at: str = "some/model", **more) -> SuiteSource:
    settings = suite("hub", at, **{"revision": "step{step}", "steps": steps, **more})
    return source_of("theirs", settings, tmp_path / "locks" / "hub.json", tmp_path / "scratch")


def left(folder: Path) -> list[str]:
    """The files that are left of downloads."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [name for name in found if not name.startswith(("cache/", "commits.guard"))]


def sha(source: SuiteSource, index: int = 0) -> str:
    with source.weights(source.revisions()[index]) as folder:
        return load(folder, "x", "refuse").sha256


def test_revisions_are_resolved_once_and_stay_after_the_branch_has_moved(tmp_path, hub):
    found = source(tmp_path, tokens_per_step=100).revisions()
    assert [(r.step, r.name, r.tokens, r.licence) for r in found] == [
        (0, "step0", 0, ""),
        (1, "step1", 100, "apache-2.0"),
        (2, "step2", 200, "apache-2.0"),
    ]
    assert [r.commit for r in found] == [hub.branches[f"step{step}"] for step in range(3)]
    recorded = (tmp_path / "locks" / "hub.json").read_text()
    assert json.loads(recorded)["some/model"]["step1"] == {
        "commit": found[1].commit,
        "licence": "apache-2.0",
    }
    asked = len(hub.asked)
    assert asked == 3
    hub.push("step1", tmp_path / "pushed" / "step2", "mit")
    assert source(tmp_path, tokens_per_step=100).revisions() == found
    assert (tmp_path / "locks" / "hub.json").read_text() == recorded
    assert len(hub.asked) == asked, "the network was not asked"
    assert sha(source(tmp_path), 0) == sha(source(tmp_path), 1) != sha(source(tmp_path), 2)


def test_a_damaged_record_is_refused(tmp_path, hub):
    (tmp_path / "locks").mkdir()
    for text, wanted in (
        ("{", "hub.json: not JSON, expected commits of the hub; git checkout it"),
        ('{"some/model": {"step0": {"commit": "abc", "licence": ""}}}', "expected 40 digits"),
    ):
        (tmp_path / "locks" / "hub.json").write_text(text)
        with pytest.raises(StageError) as caught:
            source(tmp_path).revisions()
        assert wanted in str(caught.value) and str(tmp_path / "locks") in str(caught.value)


def test_weights_are_deleted_on_exit_and_nothing_else_is_fetched(tmp_path, hub, capfd):
    ours = source(tmp_path)
    revision = ours.revisions()[2]
    with ours.weights(revision) as folder:
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["config.json", "fetched.json", WEIGHTS]
        model = load(folder, "x", "refuse").model
    assert left(tmp_path / "scratch") == [] and not folder.exists()
    assert "suites.theirs: some/model at step2: fetching 0.1 MB ..." in capfd.readouterr().err
    assert torch.isfinite(model.lm_head.weight).all(), "weights outlive their file"
    assert not hub.paths("optimizer.pt")
    with pytest.raises(ZeroDivisionError), ours.weights(revision):
        raise ZeroDivisionError
    assert left(tmp_path / "scratch") == []


def test_weights_that_are_kept_are_not_fetched_again(tmp_path, hub):
    ours, keep = source(tmp_path), tmp_path / "kept" / "step2"
    keep.mkdir(parents=True)
    revision = ours.revisions()[2]
    for _ in range(2):
        with ours.weights(revision, keep) as folder:
            assert folder == keep
        assert left(keep) == ["config.json", "fetched.json", WEIGHTS]
    assert len(hub.paths(WEIGHTS)) == 1 and left(tmp_path / "scratch") == []
    with ours.weights(ours.revisions()[1], keep) as folder:
        other = load(folder, "x", "refuse").sha256
    assert other == sha(ours, 0), "what was kept of another commit is not taken for this one"


def test_equal_neighbours_are_found(tmp_path, hub):
    ours = source(tmp_path)
    hashes = [(revision, sha(ours, i)) for i, revision in enumerate(ours.revisions())]
    with pytest.raises(ParamsError, match=r"found \[0, 1\].*not the same in step0 and step1"):
        check_neighbours("theirs", suite("hub", "some/model", steps=(0,)), hashes)


def test_the_tokenizer_is_fetched_alone_and_once(tmp_path, hub):
    folder = source(tmp_path).tokenizer()
    assert sorted(path.name for path in folder.iterdir()) == ["fetched.json", "tokenizer.json"]
    asked = len(hub.asked)
    assert source(tmp_path).tokenizer() == folder and len(hub.asked) == asked
    local = tmp_path / "local"
    local.mkdir()
    with pytest.raises(ParamsError, match=r"theirs\.tokenizer: .*expected a folder with a token"):
        source(tmp_path, tokenizer=str(local)).tokenizer()
    hub.push("main", tmp_path / "pushed" / "step0")
    named = source(tmp_path, tokenizer="some/model").tokenizer()
    assert named.name == hub.branches["main"]
    (tmp_path / "pushed" / "step0" / "tokenizer.json").unlink()
    hub.push("step7", tmp_path / "pushed" / "step0")
    with pytest.raises(ParamsError, match=r"tokenizer\.json, which its revision step7 lacks; name"):
        source(tmp_path, (7,)).tokenizer()


def test_a_connection_that_drops_goes_on_where_it_was(tmp_path, hub, monkeypatch):
    # The client keeps whole chunks, of 10 MiB as a rule.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)
    hub.faults[WEIGHTS] = [9_000, 7_000]
    assert sha(source(tmp_path)) == sha(source(tmp_path), 1)
    ranges = [part for method, path, part in hub.asked if method == "GET" and WEIGHTS in path]
    assert ranges[:3] == ["", "bytes=9000-", "bytes=16000-"]


def test_files_that_were_finished_before_an_interruption_are_not_fetched_again(tmp_path, hub):
    ours = source(tmp_path)
    revision = ours.revisions()[0]
    hub.faults[WEIGHTS] = [404]
    with pytest.raises(StageError), ours.weights(revision):
        pass
    assert not (tmp_path / "scratch" / "theirs" / "weights" / revision.commit).exists()
    partial = tmp_path / "scratch" / "theirs" / "weights" / f"{revision.commit}.partial"
    assert (partial / "config.json").exists() and not (partial / WEIGHTS).exists()
    leftover = partial / ".cache" / "huggingface" / "download" / "x.incomplete"
    leftover.write_bytes(bytes(99))
    hub.faults["HEAD " + WEIGHTS] = [418]
    with (
        pytest.raises(StageError, match=r"about some/model that is not that of a hub or refuses"),
        ours.weights(revision),
    ):
        pass
    assert not leftover.exists()
    sha(ours)
    assert len(hub.paths("config.json")) == 1


def test_what_a_killed_process_left_of_other_checkpoints_is_removed(tmp_path, hub):
    ours = source(tmp_path)
    below = tmp_path / "scratch" / "theirs" / "weights"
    for name in ("0" * 40, f"{'1' * 40}.partial"):
        (below / name).mkdir(parents=True)
        (below / name / WEIGHTS).write_bytes(bytes(99))
    with ours.weights(ours.revisions()[0]) as folder:
        assert [path.name for path in below.iterdir()] == [folder.name]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["revision/step0", "tree", WEIGHTS])
@pytest.mark.parametrize("fault", [(429, {"Retry-After": "1"}), 503])
def test_a_busy_hub_is_waited_for(tmp_path, hub, where, fault, capfd):
    ours = source(tmp_path, (0,))
    end = f"tree/{hub.branches['step0']}" if where == "tree" else where
    hub.faults[end] = [fault, fault]
    assert len(sha(ours)) == 64 and hub.faults[end] == []
    if where == "revision/step0":
        told = [line for line in capfd.readouterr().err.splitlines() if "; going on in " in line]
        busy = isinstance(fault, tuple)
        assert len(told) == 2 and ("the hub asks to wait; going on in 1 s" in told[0]) == busy


def test_a_hub_that_stays_busy_is_an_error(tmp_path, hub, capfd):
    hub.faults["revision/step0"] = [(429, {})] * 10
    with pytest.raises(StageError, match=r"found no answer from the hub about some/model in 10 t"):
        source(tmp_path).revisions()
    hub.faults["revision/step0"] = [503] * 10
    with pytest.raises(StageError, match=r"in 6 tries .*check the connection and run this again"):
        source(tmp_path).revisions()
    assert not (tmp_path / "locks").exists(), "nothing is recorded"


def test_without_a_network_one_line_says_so(tmp_path, hub, monkeypatch, capfd):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StageError, match=r"theirs\.at: found no answer .*check the connection"):
        source(tmp_path).revisions()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(StageError, match=r"theirs\.at: found HF_HUB_OFFLINE set, expected leave"):
        source(tmp_path).revisions()


def test_a_damaged_download_is_fetched_again_or_refused(tmp_path, hub, monkeypatch, capfd):
    ours = source(tmp_path)
    revision = ours.revisions()[0]
    good = hub.files[revision.commit][WEIGHTS]
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    tree = hub_module.HfApi.list_repo_tree

    def damage_once(api, *args, **kwargs):
        entries = list(tree(api, *args, **kwargs))  # with the sum of the good file
        hub.files[revision.commit][WEIGHTS] = damaged
        return entries

    monkeypatch.setattr(hub_module.HfApi, "list_repo_tree", damage_once)
    with pytest.raises(StageError, match=r"in 6 tries \(model\.safetensors came damaged\)"):
        sha(ours)
    assert left(tmp_path / "scratch" / "theirs")[-1].endswith("partial/config.json")


def test_what_the_hub_does_not_have_or_give_is_said_in_one_line(tmp_path, hub):
    for ours, wanted in (
        (source(tmp_path, at="some/other"), r"theirs\.at: found 'some/other', expected a reposit"),
        (source(tmp_path, at="some/model/x"), r"theirs\.at: found 'some/model/x', expected owner"),
        (source(tmp_path, (3,)), r"theirs\.revision: found 'step3', expected a revision of some/m"),
    ):
        with pytest.raises(ParamsError, match=wanted) as caught:
            ours.revisions()
        assert str(caught.value).isprintable()
    assert not (tmp_path / "locks").exists()
    hub.faults["revision/step1"] = [401]
    hub.faults["revision/step2"] = [418]
    with pytest.raises(
        StageError, match=r"found no leave to read some/model, .*set HF_TOKEN, or correct it"
    ):
        source(tmp_path, (1,)).revisions()
    with pytest.raises(StageError, match=r"is not that of a hub or refuses it .*check HF_ENDPOINT"):
        source(tmp_path, (2,)).revisions()
    hub.gated = True
    with pytest.raises(ParamsError, match="may read; accept its terms on the hub and set HF_TOKEN"):
        sha(source(tmp_path))


def test_revisions_without_safetensors_are_refused_before_they_are_fetched(tmp_path, hub):
    folder = tmp_path / "pushed" / "step0"
    model = load(folder, "x", "refuse").model
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    hub.push("step7", folder)
    ours = source(tmp_path, (7,))
    with (
        pytest.raises(StageError, match=r"model at step7: found pickled weights alone \(pytorch"),
        ours.weights(ours.revisions()[0]),
    ):
        pass
    assert left(tmp_path / "scratch") == [] and not hub.paths("/resolve/")
    ours = source(tmp_path, (7,), pickle="weights_only")
    with ours.weights(ours.revisions()[0]) as folder:
        loaded = load(folder, "x", "weights_only")
    assert torch.equal(loaded.model.lm_head.weight, model.lm_head.weight)


def test_nothing_is_written_or_asked_elsewhere(tmp_path, hub):
    """In a process of its own, as the client reads its environment when it is imported."""
    code = (
        "from pathlib import Path\n"
        "from induction.config.suites import Suite\n"
        "from induction.models.suites.source import source_of\n"
        "suite = Suite('hub', 'some/model', 'none', 'step{step}', (0, 2))\n"
        "source = source_of('theirs', suite, Path('lock.json'), Path('scratch'))\n"
        "source.tokenizer()\n"
        "for revision in source.revisions():\n"
        "    with source.weights(revision):\n"
        "        pass\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    variables = {"HOME": str(home), "HF_ENDPOINT": hub.url, "PYTHONPATH": str(ROOT)}
    hub.asked.clear()
    run([sys.executable, "-c", code], variables, cwd=work, check=True)
    assert [*home.rglob("*")] == []
    assert sorted(path.name for path in work.iterdir()) == ["lock.json", "scratch"]
    known = ("/api/models/some/model/", "/some/model/resolve/")
    assert all(path.startswith(known) for _, path, _ in hub.asked)


def test_local_suites_do_not_import_the_client(tmp_path):
    code = (
        "import sys\n"
        "import induction.models.suites.source\n"
        "slow = {'torch', 'transformers', 'huggingface_hub'} & {*sys.modules}\n"
        "assert not slow, slow\n"
    )
    run([sys.executable, "-c", code], cwd=ROOT, check=True)

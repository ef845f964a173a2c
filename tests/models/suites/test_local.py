"""Checkpoints on this disk: which there are, their order, tokens, licence and tokenizer."""

from pathlib import Path

import pytest
from transformers import TrainerState

from induction.config.errors import ParamsError, StageError
from induction.models.suites.neighbours import check_neighbours
from induction.models.suites.revision import Revision, SuiteSource
from induction.models.suites.source import source_of
from tests.models.suites.made import saved, suite, tokenizer


def source(tmp_path: Path, kind: str, at: Path | None = None, **more) -> SuiteSource:
    settings = suite(kind, at or tmp_path / "run", **more)
    return source_of("theirs", settings, tmp_path / "lock.json", tmp_path / "scratch")


def trained(folder: Path, step: int, seen: int = 0) -> Path:
    """What a Trainer leaves of a step; it counts tokens as 0 unless it was told to count them."""
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    state = TrainerState(global_step=step, num_input_tokens_seen=seen)
    state.save_to_json(str(checkpoint / "trainer_state.json"))
    return checkpoint


def steps_and_tokens(found: SuiteSource) -> list[tuple[int, int | None]]:
    return [(revision.step, revision.tokens) for revision in found.revisions()]


def test_a_trainers_checkpoints_are_sorted_by_number(tmp_path):
    for step in (12, 4, 8):
        trained(tmp_path / "run", step)
    (tmp_path / "run" / "checkpoint-best").mkdir()
    (tmp_path / "run" / "checkpoint-99").write_text("a file")
    assert steps_and_tokens(source(tmp_path, "trainer")) == [(4, None), (8, None), (12, None)]
    by_hand = source(tmp_path, "trainer", tokens_per_step=100)
    assert steps_and_tokens(by_hand) == [(4, 400), (8, 800), (12, 1200)]
    assert [revision.name for revision in by_hand.revisions()][-1] == "checkpoint-12"
    assert steps_and_tokens(source(tmp_path, "trainer", steps=(4, 12)))[1:] == [(12, None)]


def test_tokens_that_a_trainer_counted_come_before_those_of_the_settings(tmp_path):
    for step in (12, 4):
        trained(tmp_path / "run", step, seen=7 * step)
    assert steps_and_tokens(source(tmp_path, "trainer")) == [(4, 28), (12, 84)]
    assert steps_and_tokens(source(tmp_path, "trainer", tokens_per_step=9)) == [(4, 28), (12, 84)]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"global_step": "4"}'])
def test_damaged_states_of_a_trainer_are_refused(tmp_path, text):
    (trained(tmp_path / "run", 4) / "trainer_state.json").write_text(text)
    with pytest.raises(StageError, match=r"trainer_state\.json: not the state of a Trainer"):
        source(tmp_path, "trainer").revisions()


def test_a_trainers_folder_under_another_number_is_refused(tmp_path):
    trained(tmp_path / "run", 4).rename(tmp_path / "run" / "checkpoint-5")
    with pytest.raises(StageError, match="found global_step 4, expected 5 as the name says"):
        source(tmp_path, "trainer").revisions()


def test_folders_are_found_by_any_name_with_a_number(tmp_path):
    for name in ("step[1]0/hf", "step[1]2/hf", "step[1]100/hf", "step[1]x/hf"):
        (tmp_path / "run" / name).mkdir(parents=True)
    found = source(tmp_path, "folder", revision="step[1]{step}/hf").revisions()
    assert [(revision.step, revision.name) for revision in found] == [
        (0, "step[1]0/hf"),
        (2, "step[1]2/hf"),
        (100, "step[1]100/hf"),
    ]
    with (source(tmp_path, "folder", revision="step[1]{step}/hf")).weights(found[1]) as folder:
        assert folder == tmp_path / "run" / "step[1]2/hf"
    assert folder.exists(), "what is on this disk stays there"


def test_zeros_before_a_number_are_no_other_number(tmp_path):
    for name in ("run/s007", "run/s12"):
        (tmp_path / name).mkdir(parents=True)
    found = source(tmp_path, "folder", revision="s{step}", steps=(7,))
    assert [revision.name for revision in found.revisions()] == ["s007"]
    (tmp_path / "run" / "s7").mkdir()
    with pytest.raises(StageError, match="s7, expected one checkpoint per step"):
        found.revisions()


def test_a_name_may_hold_the_step_twice(tmp_path):
    for name in ("run/1/model-1", "run/1/model-2"):
        (tmp_path / name).mkdir(parents=True)
    (found,) = source(tmp_path, "folder", revision="{step}/model-{step}").revisions()
    assert found.name == "1/model-1"


def test_one_folder_is_one_checkpoint(tmp_path):
    (tmp_path / "run" / "final").mkdir(parents=True)
    assert steps_and_tokens(source(tmp_path, "folder", steps=(9,))) == [(9, None)]
    (found,) = source(tmp_path, "folder", steps=(9,), revision="final").revisions()
    assert found.name == "final"
    with pytest.raises(ParamsError, match=r"theirs\.steps: found nothing, expected the step of"):
        source(tmp_path, "folder").revisions()


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"at": "nowhere"}, r"theirs\.at: found 'nowhere', expected a folder that is there"),
        ({"revision": "step{step}"},
         r"theirs\.revision: found 'step{step}', expected what .* there are: a_1, a_20, b; write"),
        ({"revision": "a_{step}", "steps": (1, 5)},
         r"theirs\.steps: found 5, expected a step of .*run: 1, 20; correct the list"),
        ({"revision": "/a_{step}"}, r"theirs\.revision: found '/a_{step}', expected a path below"),
        ({"revision": "c", "steps": (1,)}, r"theirs\.revision: found 'c', expected a folder below"),
    ],
    ids=["no folder", "no such names", "no such step", "absolute", "no such name"],
)  # fmt: skip
def test_what_is_not_there_is_named_with_what_is(tmp_path, more, wanted):
    for name in ("a_1", "a_20", "b"):
        (tmp_path / "run" / name).mkdir(parents=True)
    with pytest.raises(ParamsError, match=wanted) as caught:
        source(tmp_path, "folder", **more).revisions()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["folder", "nanogpt", "trainer", "hub"])
def test_several_steps_need_a_name_with_the_step(kind):
    with pytest.raises(ParamsError, match=r"expected a name with \{step\}, because"):
        suite(kind, "x", steps=(1, 2), revision="final", pickle="weights_only")


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: apache-2.0\nlanguage: en\n---\n# Model\n", "apache-2.0"),
        ("---\nlicense:\n- mit\n- other\x1b\n---\n", "['mit', 'other"),
        ("---\nlanguage: en\n---\n", ""),
        ("---\nlicense: [\n---\n", ""),
        ("# Model\nlicense: mit\n", ""),
        ("---\n", ""),
        (None, ""),
    ],
)
def test_the_licence_is_that_of_the_readme(tmp_path, readme, licence):
    checkpoint = trained(tmp_path / "run", 4)
    for folder in (checkpoint, checkpoint.parent):
        if readme is not None:
            (folder / "README.md").write_text(readme)
        (found,) = source(tmp_path, "trainer").revisions()
        if "\x1b" in (readme or ""):
            assert found.licence.isprintable()
        else:
            assert found.licence == licence
        (folder / "README.md").unlink(missing_ok=True)


def test_the_tokenizer_lies_in_the_first_checkpoint_or_beside_them_or_where_the_suite_says(
    tmp_path,
):
    checkpoint = trained(tmp_path / "run", 4)
    with pytest.raises(ParamsError, match=r"theirs\.tokenizer: found nothing, expected where"):
        source(tmp_path, "trainer").tokenizer()
    tokenizer().save(str(tmp_path / "run" / "tokenizer.json"))
    assert source(tmp_path, "trainer").tokenizer() == tmp_path / "run"
    tokenizer().save_model(str(checkpoint))
    assert source(tmp_path, "trainer").tokenizer() == checkpoint
    (tmp_path / "other").mkdir()
    named = source(tmp_path, "trainer", tokenizer=str(tmp_path / "other"))
    with pytest.raises(ParamsError, match=r"expected a folder with a tokenizer\.json"):
        named.tokenizer()
    tokenizer().save(str(tmp_path / "other" / "tokenizer.json"))
    assert named.tokenizer() == tmp_path / "other"
    with pytest.raises(ParamsError, match=r"found '\./no', expected a folder that is there, or"):
        source(tmp_path, "trainer", tokenizer="./no").tokenizer()


def test_equal_neighbours_are_an_error_unless_declared():
    hashes = [(Revision(step, f"step{step}", None, "", ""), sha) for step, sha in
              ((0, "a"), (1, "a"), (2, "b"), (4, "a"))]  # fmt: skip
    with pytest.raises(ParamsError) as caught:
        check_neighbours("theirs", suite("folder", "x"), hashes)
    text = str(caught.value)
    assert "suites.theirs.steps: found [0, 1]" in text and "in step0 and step1" in text
    assert "write same: [[0, 1]]" in text and "drop one" in text
    check_neighbours("theirs", suite("folder", "x", same=((0, 1),)), hashes)
    check_neighbours("theirs", suite("folder", "x"), hashes[1:])


def test_a_saved_model_is_a_suite(tmp_path):
    saved(tmp_path / "run" / "step3")
    (found,) = source(tmp_path, "folder", revision="step{step}").revisions()
    assert found == Revision(3, "step3", None, "", "")

"""Tokenizers of others encode text as text, or are refused."""

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import GPT2TokenizerFast

from induction.config.errors import StageError
from induction.text.foreign_tokenizer import PROBE, load_foreign_tokenizer
from tests.models.suites.made import tokenizer

END = "<|endoftext|>"


def opened(folder: Path) -> Tokenizer:
    return load_foreign_tokenizer(folder, "suites.theirs")


def refused(folder: Path, wanted: str) -> None:
    with pytest.raises(StageError) as caught:
        opened(folder)
    assert str(caught.value).startswith("suites.theirs: ") and wanted in str(caught.value)
    assert str(caught.value).isprintable()


def ids(made: Tokenizer, text: str) -> list[int]:
    return made.encode(text, add_special_tokens=False).ids


def test_tokenizer_json_is_read_and_adds_cuts_and_pads_nothing(tmp_path):
    made = Tokenizer.from_str(tokenizer().to_str())
    plain = ids(made, PROBE)
    made.enable_truncation(4)
    made.enable_padding(length=99)
    made.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", special_tokens=[(END, 0)]
    )
    made.save(str(tmp_path / "tokenizer.json"))
    assert ids(opened(tmp_path), PROBE) == plain and len(plain) > 4


def test_special_tokens_that_a_text_spells_out_are_text(tmp_path):
    tokenizer().save(str(tmp_path / "tokenizer.json"))
    found = opened(tmp_path)
    assert 0 not in ids(found, f"x{END}") and found.decode(ids(found, f"x{END}")) == f"x{END}"


def test_runs_of_spaces_that_a_tokenizer_adds_stay_tokens(tmp_path):
    """NeoX's tokenizer has them as added tokens that are not special."""
    made = Tokenizer.from_str(tokenizer().to_str())
    made.add_tokens([AddedToken(" " * 7, normalized=True)])
    made.save(str(tmp_path / "tokenizer.json"))
    assert made.token_to_id(" " * 7) in ids(opened(tmp_path), f"a{' ' * 7}b")


@pytest.mark.parametrize("config", [None, {}, {"tokenizer_class": "GPT2Tokenizer"}])
def test_vocabulary_and_merges_are_gpt2s(tmp_path, config):
    tokenizer().save_model(str(tmp_path))
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    text = "The boat, the bridge;\n\tdef  f(x): return 'x' # naïve"
    wanted = GPT2TokenizerFast.from_pretrained(tmp_path)(text, add_special_tokens=False)
    assert ids(opened(tmp_path), text) == wanted.input_ids


def test_vocabulary_and_merges_of_another_kind_are_refused(tmp_path):
    tokenizer().save_model(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "Qwen2Tokenizer"}')
    refused(tmp_path, "found 'Qwen2Tokenizer' without its tokenizer.json, expected GPT2Tokenizer")


def test_none_is_refused(tmp_path):
    refused(tmp_path, "found no tokenizer.json in")
    (tmp_path / "vocab.json").write_text("{}")
    refused(tmp_path, "nor vocab.json with merges.txt")
    (tmp_path / "merges.txt").write_text("")
    refused(tmp_path, "found a tokenizer of 0 tokens, 0 of them special, expected a vocabulary")


def test_an_empty_one_as_transformers_makes_is_refused(tmp_path):
    GPT2TokenizerFast(vocab={}, merges=[]).save_pretrained(tmp_path)
    refused(tmp_path, "of them special, expected a vocabulary; copy its tokenizer.json")


def of_words(**more) -> Tokenizer:
    return Tokenizer(models.WordLevel({"[UNK]": 0, "def": 1, "x": 2}, unk_token="[UNK]"))


def lower() -> Tokenizer:
    made = Tokenizer.from_str(tokenizer().to_str())
    made.normalizer = normalizers.Replace("\n", " ")
    return made


def no_decoder() -> Tokenizer:
    made = Tokenizer.from_str(tokenizer().to_str())
    made.decoder = decoders.WordPiece()
    return made


@pytest.mark.parametrize("make", [of_words, lower, no_decoder])
def test_one_that_loses_text_is_refused(tmp_path, make):
    make().save(str(tmp_path / "tokenizer.json"))
    refused(tmp_path, f"of {PROBE!r}, expected the text again; set tokenizer")


@pytest.mark.parametrize("text", ["", "{", "{}", "\x00"])
def test_damaged_files_are_refused(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text)
    refused(tmp_path, "tokenizer.json: damaged, no tokenizer (")
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "merges.txt").write_text("")
    (tmp_path / "vocab.json").write_text(text)
    refused(tmp_path, "vocab.json: damaged, no tokenizer (" if text != "{}" else "of 0 tokens")

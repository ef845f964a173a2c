"""Tokens as readers see them: whole characters, none of them invisible."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel

from induction.text.token_display import (
    BYTES,
    INCOMPLETE,
    decode_tokens,
    display_tokens,
    show_invisible,
)


def spelled(data: bytes) -> str:
    """In the byte-level alphabet."""
    letters = {byte: letter for letter, byte in BYTES.items()}
    return "".join(letters[byte] for byte in data)


def test_the_alphabet_is_that_of_the_tokenizer():
    assert set(BYTES) == set(ByteLevel.alphabet()) and sorted(BYTES.values()) == list(range(256))
    assert (BYTES["Ġ"], BYTES["Ċ"], BYTES["a"]) == (0x20, 0x0A, 0x61)


@given(st.text(), st.randoms())
def test_tokens_add_up_to_the_text_wherever_they_are_cut(text, random):
    data = text.encode()
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(5))
    tokens = [spelled(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert "".join(decode_tokens(tokens)) == text


def test_a_character_belongs_to_the_token_that_completes_it():
    smile = "😀".encode()
    tokens = [spelled(smile[:2]), spelled(smile[2:]), "Ġ"]
    assert display_tokens(tokens) == [INCOMPLETE, "😀", " "]
    assert display_tokens(tokens[:1]) == ["�"], "what never ends is no character"
    assert decode_tokens([]) == []


@given(st.text())
def test_nothing_is_invisible(text):
    shown = show_invisible(text)
    hidden = {"Cc", "Cf", "Co", "Cn", "Zl", "Zp"}
    assert {unicodedata.category(c) for c in shown if c != "\n"}.isdisjoint(hidden)
    assert shown.count("\n") == text.count("\n")
    assert show_invisible("a <b> שלום é") == "a <b> שלום é", "and what prints stays"


def test_signs_of_invisible_characters():
    assert show_invisible("\ta\n\x00\x1b\u202e\u200b\x7f") == "⇥a↵\n␀␛⟨U+202E⟩⟨U+200B⟩⟨U+007F⟩"

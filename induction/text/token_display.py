"""Tokens of arbitrary text as a reader may see them: whole characters, none of them invisible."""

import codecs
import unicodedata

# A byte-level vocabulary spells each byte as one character: printing bytes as themselves, the rest
# as the characters from U+0100 on (Radford et al. 2019, the tokenizer of GPT-2).
PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [byte for byte in range(0x100) if byte not in PRINTING]
BYTES = {chr(byte): byte for byte in PRINTING} | {chr(0x100 + i): b for i, b in enumerate(OTHERS)}
# Stands for a token that only begins a character, which a later token completes.
INCOMPLETE = "⋯"


def decode_tokens(tokens: list[str]) -> list[str]:
    """The text that each token of the byte-level alphabet adds.

    A character belongs to the token that completes it. Bytes that are not UTF-8 become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(bytes(BYTES[c] for c in token)) for token in tokens]
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    return texts


def show_invisible(text: str) -> str:
    """`text` with a visible sign for every control or formatting character.

    Those are what does not print, or turns, joins or hides its neighbours. Line ends stay, after
    their sign.
    """
    return "".join(map(_sign, text))


def display_tokens(tokens: list[str]) -> list[str]:
    """Tokens of the byte-level alphabet as readers see them, one string per token."""
    return [show_invisible(text) or INCOMPLETE for text in decode_tokens(tokens)]


def _sign(character: str) -> str:
    code = ord(character)
    if character == "\n":
        return "↵\n"
    if character == "\t":
        return "⇥"
    if code < 0x20:
        return chr(0x2400 + code)
    if unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Zl", "Zp"):
        return f"⟨U+{code:04X}⟩"
    return character

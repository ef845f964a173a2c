"""Tokens of arbitrary text as a reader may see them: whole characters, and nothing that hides."""

import codecs
import unicodedata

# What a byte-level vocabulary spells bytes with: themselves where they print, else what comes
# after the first 256 characters (Radford et al. 2019, the tokenizer of GPT-2).
PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [byte for byte in range(0x100) if byte not in PRINTING]
BYTES = {chr(byte): byte for byte in PRINTING} | {chr(0x100 + i): b for i, b in enumerate(OTHERS)}
# The beginning of a character that a later token ends.
PART = "⋯"


def characters(tokens: list[str]) -> list[str]:
    """What each token of the byte-level alphabet adds to the text; a character stands with the
    token that ends it. What is no UTF-8 becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found = [decoder.decode(bytes(BYTES[c] for c in token)) for token in tokens]
    if found:
        found[-1] += decoder.decode(b"", final=True)
    return found


def legible(text: str) -> str:
    """With a sign for everything that does not print: control characters, and those that turn,
    join or hide what stands around them. Line ends stay, behind theirs."""
    return "".join(map(_sign, text))


def shown(tokens: list[str]) -> list[str]:
    """Tokens of the byte-level alphabet, legible each."""
    return [legible(text) or PART for text in characters(tokens)]


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

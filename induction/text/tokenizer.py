"""The tokenizer: byte-level BPE, trained on the study's own text."""

import re
from collections.abc import Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from induction.config.errors import StageError
from induction.config.remedy import make, rebuild
from induction.tables.source import Source

END_OF_TEXT = "<|endoftext|>"
# Learning merges takes time in the square of a word's length, and a file of one letter is one word.
LONGEST_WORD = 1_000


def split_long_words(text: str) -> Iterator[str]:
    """`text` in pieces whose words have at most LONGEST_WORD characters: almost always one piece.

    A run of white space counts as a word.
    """
    start = 0
    for word in re.finditer(r"\S+|\s+", text):
        for end in range(word.start() + LONGEST_WORD, word.end(), LONGEST_WORD):
            yield text[start:end]
            start = end
    yield text[start:]


def train_tokenizer(texts: list[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE that can encode any text; id 0 is end-of-text.

    It has fewer than `vocab_size` tokens where the text has too few pairs to merge.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pieces = (piece for text in texts for piece in split_long_words(text))
    tokenizer.train_from_iterator(pieces, trainer)
    # A document that spells out "<|endoftext|>" must not end there.
    tokenizer.encode_special_tokens = True
    return tokenizer


def load_tokenizer(source: Source) -> Tokenizer:
    """Raises StageError if the file is missing or damaged."""
    try:
        return Tokenizer.from_str(source.path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{source.path}: not found; {make(source.stage)}") from None
    except Exception as error:  # the library raises nothing narrower
        raise StageError(
            f"{source.path}: damaged, no tokenizer ({error}); {rebuild(source.stage)}"
        ) from None

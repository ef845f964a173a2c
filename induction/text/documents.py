"""Documents -> split, tokenizer, token stream, evaluation windows. Pure: nothing is read here."""

import ast
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt16
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 0
# Learning merges takes the square of a word's length, and a file of one letter is one word.
LONGEST_WORD = 1_000


@dataclass(frozen=True)
class Document:
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


def distinct(documents: Iterable[Document]) -> list[Document]:
    """One document per text, in the order of their hashes.

    The order is as good as random, and the same on every machine; among exact duplicates the
    first name in the alphabet stays.
    """
    by_hash: dict[str, Document] = {}
    for document in sorted(documents, key=lambda document: document.name):
        by_hash.setdefault(document.sha256, document)
    return [document for _, document in sorted(by_hash.items())]


def docstrings(source: str) -> str:
    """All docstrings of a Python source, in order, separated by blank lines.

    Raises SyntaxError or ValueError where the source cannot be parsed.
    """
    try:
        # Warnings are about another's source, and `-W error` would make errors of them.
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (RecursionError, MemoryError):
        raise ValueError("too deeply nested") from None
    has_docstring = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = []
    for node in ast.walk(tree):
        if isinstance(node, has_docstring):
            text = ast.get_docstring(node)
            if text:
                found.append((getattr(node, "lineno", 0), text))
    return "\n\n".join(text for _, text in sorted(found))


def within(documents: list[Document], characters: int) -> list[Document]:
    """The first documents that together stay within `characters`, and at least one."""
    total, kept = 0, []
    for document in documents:
        total += len(document.text)
        if kept and total > characters:
            break
        kept.append(document)
    return kept


def pieces(text: str) -> Iterator[str]:
    """`text` in pieces whose words are at most LONGEST_WORD long: one piece for almost any text."""
    start = 0
    for run in re.finditer(r"\S+|\s+", text):
        for cut in range(run.start() + LONGEST_WORD, run.end(), LONGEST_WORD):
            yield text[start:cut]
            start = cut
    yield text[start:]


def train_tokenizer(texts: list[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE. Any text can be encoded; id 0 is end-of-text.

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
    tokenizer.train_from_iterator((piece for text in texts for piece in pieces(text)), trainer)
    # A document that spells out "<|endoftext|>" must not end there.
    tokenizer.encode_special_tokens = True
    return tokenizer


def stream(documents: list[np.ndarray]) -> UInt16[np.ndarray, "stream"]:
    """All documents on end, each after one end-of-text token."""
    separator = np.array([END_OF_TEXT_ID], dtype=np.uint16)
    return np.concatenate([part for tokens in documents for part in (separator, tokens)])


def windows(
    lengths: list[int], n_ctx: int, count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Up to `count` pairs (document, first token): windows of n_ctx tokens, none overlapping.

    Every window lies inside one document at a random offset: windows that start at the top of a
    file measure licence headers. Each document gives its first window before any gives a second,
    so that the windows come from as many documents as possible. Fewer than `count` are returned
    where the documents have no room for more.
    """
    starts = []
    for length in lengths:
        room = length - n_ctx
        if room < 0:
            starts.append([])
            continue
        offset = int(rng.integers(0, min(room, n_ctx - 1) + 1))
        starts.append(list(rng.permutation(np.arange(offset, room + 1, n_ctx))))
    found = []
    for turn in range(max(map(len, starts), default=0)):
        having = [document for document, own in enumerate(starts) if len(own) > turn]
        for document in rng.permutation(having):
            found.append((int(document), int(starts[document][turn])))
    return found[:count]

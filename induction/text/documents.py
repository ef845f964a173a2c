"""Documents: distinct ones in a fixed order, their docstrings, and a budget of characters."""

import ast
import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

HAS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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
        # Under `-W error`, a warning about the source would stop this program.
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (RecursionError, MemoryError):
        raise ValueError("too deeply nested") from None
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, HAS_DOCSTRING):
            text = ast.get_docstring(node)
            if text:
                texts.append((getattr(node, "lineno", 0), text))
    return "\n\n".join(text for _, text in sorted(texts))


def stretches(document: Document, count: int) -> list[Document]:
    """The document in `count` parts of about the same length or some more, cut at ends of lines."""
    text, size = document.text, -(-len(document.text) // count)
    parts, start = [], 0
    while start < len(text):
        end = start + size
        if end < len(text):
            # Not in the first half: a text with few line ends would fall into many small parts.
            end = text.rfind("\n", start + size // 2, end) + 1 or end
        parts.append(Document(f"{document.name}:{len(parts) + 1:03d}", text[start:end]))
        start = end
    return parts


def within(documents: list[Document], characters: int) -> list[Document]:
    """The first documents that together have at most `characters`, and at least one."""
    total, kept = 0, []
    for document in documents:
        total += len(document.text)
        if kept and total > characters:
            break
        kept.append(document)
    return kept

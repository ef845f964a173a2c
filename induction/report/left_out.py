"""What the corpora of a report lack, in words."""

from typing import Any

from induction.text.left_out import sentence


def left_out(manifests: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """A name and a sentence for each corpus of which something was left out."""
    said = [(_name(manifest), sentence(manifest["left_out"])) for manifest in manifests]
    return [(name, text) for name, text in said if text]


def _name(manifest: dict[str, Any]) -> str:
    corpus = manifest["provenance"]["cell"]
    return f"the corpus {corpus}" if corpus else "the text"

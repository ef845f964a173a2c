"""The tokenizer as a file of the corpus."""

from tokenizers import Tokenizer

from induction.config.errors import StageError
from induction.config.remedy import make, rebuild
from induction.tables.source import Source


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

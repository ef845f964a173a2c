"""The training stream, memory-mapped: training needs no more of it in memory than a batch."""

import numpy as np
from jaxtyping import UInt16

from stages.files.stage import DATA, StageError

PATH = DATA / "corpus" / "train_tokens.npy"


def training_stream() -> UInt16[np.ndarray, "stream"]:
    """All training tokens, in order. Raises StageError if the file is missing or damaged."""
    try:
        return np.load(PATH, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StageError(
            f"{PATH}: not found; make it with `dvc repro corpus` or `dvc pull`"
        ) from None
    except (ValueError, OSError, EOFError) as error:
        raise StageError(
            f"{PATH}: truncated or not a NumPy file ({error}); rebuild it with "
            "`dvc repro --force --single-item corpus`"
        ) from None

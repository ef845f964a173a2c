"""What stages read and write, as their modules declare it in INPUTS and OUTPUTS.

A table is declared by its contract (`induction.tables`); everything else by one of the classes
here. `induction.pipeline.layout` says where each lies.
"""

from dataclasses import dataclass
from typing import Literal

from induction.tables.contract import Table

# How often a stage runs: once, or once per cell, corpus or grid (a set of cells reported together);
# per cell that is a model of ours, `trained`, or a suite of foreign checkpoints, `suite`.
Per = Literal["", "cell", "trained", "suite", "corpus", "grid"]
OF_CELLS = ("cell", "trained", "suite")


@dataclass(frozen=True)
class File:
    """A file in the folder of its stage that is no table; without a name, the whole folder.

    `without` are params that its stage reads and that do not decide about this file.
    """

    name: str
    about: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProjectFile:
    """A file or folder of the project itself, which no stage writes."""

    name: str


@dataclass(frozen=True)
class Product:
    """A file or folder of `reports/`: for readers, and kept in Git unless `in_git` is false.

    `kind` says what DVC takes it for; `plot` is how DVC draws it.
    """

    name: str
    in_git: bool = True
    kind: Literal["outs", "metrics", "plots"] = "outs"
    plot: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class OnSameTokens:
    """A table of every cell of the grid whose losses can be compared token by token: those on the
    study's own text, or the suite that is a grid of its own."""

    table: Table


@dataclass(frozen=True)
class OfEveryCorpus:
    """A file of every corpus that the cells of the grid read, and of the study's own."""

    file: File


@dataclass(frozen=True)
class CorpusText:
    """The text of a corpus, which no stage writes: files of the project, or installed packages."""


Artifact = Table | File
Input = Artifact | ProjectFile | OnSameTokens | OfEveryCorpus | CorpusText
Output = Artifact | Product

# The code and everything else that stage `plan` checks.
PARAMS_FILE = ProjectFile("params.yaml")
SOURCES = (ProjectFile("induction"), ProjectFile("stages"))
PINS = ProjectFile("constraints.txt")
DIGESTS = File("", "one file per stage: the digest of its code; the versions of text packages")
TEXT = CorpusText()

MANIFEST = File("manifest.json", "what the corpus was made of, with counts and hashes")
TOKENIZER = File("tokenizer.json", "byte-level BPE")
TRAIN_TOKENS = File(
    "train_tokens.safetensors",
    "all training tokens in order",
    # Params of the corpus that decide about the evaluation set alone.
    without=(
        "corpus.n_ctx",
        "corpus.seed",
        "corpus.evaluation.sequences",
        "corpus.evaluation.tokens",
    ),
)
CHECKPOINTS = File("", "step_<steps>.safetensors, one per checkpoint, and the training log")

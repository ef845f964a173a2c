"""Section `corpus`: the text, its tokens, the fixed evaluation set."""

import re
from typing import Annotated, Literal

from pydantic import Field

from induction.config.errors import require
from induction.config.paths import DATA, REPORTS
from induction.config.strict import Listed, Seed, Share, Text, changed, settings, within

# The name of a distribution (PEP 508), in ASCII.
Package = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$",
        description="the name of a package on PyPI: letters, digits, and . _ - between them",
    ),
]
# The name of a dataset on the hub. One without an owner would be a format to the library.
Dataset = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9._-]{1,96}$",
        description="the name of a dataset on the Hugging Face hub, as owner/name",
    ),
]
# Not a slice of one, such as train[:10%].
Split = Annotated[
    str, Field(pattern=r"^\w{1,100}$", description="the name of a split, such as train")
]
COMMIT = re.compile(r"[0-9a-f]{40}")
Source = Literal["packages", "docstrings", "files", "hub"]
# Of all text together, unless max_characters asks for more.
MAX_CHARACTERS = 10**9
Characters = Annotated[int, within(1, 10**11, "text is held in memory")]
MAX_EVALUATION = 10**8  # tokens, each of which has a loss at every checkpoint


@settings
class Evaluation:
    """The fixed evaluation set: `sequences` windows of `tokens` tokens from held-out documents.

    The paper's models read 8,192 tokens, and are evaluated on 512 (Data Collection (1)).
    """

    sequences: Annotated[int, within(2, 32_767, "the tables number them in 16 bits")]
    tokens: Annotated[int, within(16, 32_767, "the tables number positions in 16 bits")]
    held_out: Share


@settings
class Hub:
    """A split of a dataset of the Hugging Face hub, at a commit, which cannot change."""

    dataset: Dataset
    configuration: Text
    revision: Text
    split: Split

    def __post_init__(self) -> None:
        require(
            COMMIT.fullmatch(self.revision) is not None,
            "revision",
            self.revision,
            "a whole commit (40 digits, 0-9 and a-f), because branches and tags can change",
            f"copy it from https://huggingface.co/datasets/{self.dataset}/commits/main",
        )


@settings
class CorpusChanges:
    """One entry of `corpora`: another text, cut into tokens and windows in the same way."""

    source: Source | None = None
    packages: Listed[Package] | None = None
    files: Text | None = None
    hub: Hub | None = None
    text_column: Text | None = None
    max_characters: int | None = None
    min_characters: int | None = None
    max_lost: float | None = None


@settings
class CorpusSettings:
    source: Source
    packages: Listed[Package]
    exclude_names: Listed[Text]
    files: Text
    hub: Hub | None
    text_column: Text
    max_characters: Characters
    min_characters: Characters
    max_lost: Annotated[float, within(0, 1)]
    tokenizer_characters: Characters
    # 256 bytes and the end-of-text token are always in a byte-level vocabulary.
    vocab_size: Annotated[int, within(258, 65_536, "ids are stored in 16 bits")]
    n_ctx: Annotated[int, within(16, 32_767, "the tables number positions in 16 bits")]
    seed: Seed
    evaluation: Evaluation

    def __post_init__(self) -> None:
        require(
            self.source in ("files", "hub") or len(self.packages) > 0,
            "packages",
            list(self.packages),
            f"at least one installed package, because source is {self.source!r}",
            "name one, or set corpus.source: files",
        )
        require(
            self.source != "files" or self.files != "",
            "files",
            self.files,
            "a glob such as texts/**/*.txt, because source is 'files'",
            "write one, or set corpus.source: packages",
        )
        self._check_files()
        require(
            self.source != "hub" or self.hub is not None,
            "hub",
            self.hub,
            "a mapping of dataset, configuration, revision and split, because source is 'hub'",
            "write one, or set corpus.source: packages",
        )
        require(
            self.evaluation.tokens <= self.n_ctx,
            "evaluation.tokens",
            self.evaluation.tokens,
            f"at most corpus.n_ctx = {self.n_ctx}, of which no model reads more",
            "lower it or raise n_ctx",
        )
        tokens = self.evaluation.sequences * self.evaluation.tokens
        require(
            tokens <= MAX_EVALUATION,
            "evaluation.sequences",
            self.evaluation.sequences,
            f"at most {MAX_EVALUATION:,} tokens of evaluation, not {tokens:,} (each has a loss at "
            "every checkpoint)",
            "lower it or evaluation.tokens",
        )

    def changed(self, changes: CorpusChanges, key: str) -> "CorpusSettings":
        """The corpus of the entry of `corpora` at `key`."""
        return changed(self, changes, key)

    def _check_files(self) -> None:
        """The glob stays in the project, because whoever runs another's params.yaml publishes,
        with the tables, what it reads. Hidden files hold secrets (.git, .env, .dvc)."""
        parts = [part for part in self.files.split("/") if part != "."]
        require(
            not self.files.startswith("/") and ".." not in parts,
            "files",
            self.files,
            "a glob inside the project, relative and without ..",
            "put the folder into the project, or a link to it",
        )
        require(
            not any(part.startswith(".") for part in parts),
            "files",
            self.files,
            "a glob without hidden files and folders",
            "rename or link what is meant",
        )
        # DVC watches the folder before the first wildcard, and the outputs of stages are no input.
        require(
            not parts or not set("*?[$") & set(parts[0]),
            "files",
            self.files,
            "a glob that begins with a folder, in which DVC notices every change",
            "put the texts into a folder, as in texts/*.txt",
        )
        require(
            not parts or parts[0] not in (DATA.name, REPORTS.name),
            "files",
            self.files,
            f"a folder outside {DATA}/ and {REPORTS}/, which hold what stages write",
            "move the texts, for example to texts/",
        )


def check_available(key: str, sequences: int, available: int) -> None:
    """Raise ParamsError unless the evaluation set has the `sequences` that `key` asks for."""
    require(
        sequences <= available,
        key,
        sequences,
        f"at most corpus.evaluation.sequences = {available}",
        "lower it or enlarge the evaluation set",
    )

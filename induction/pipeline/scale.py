"""What all of a params file takes from nothing, on GPUs that are not here: worked out, not run."""

from dataclasses import dataclass

from induction.config.names import PUBLISHED
from induction.config.study import Study
from induction.pipeline import plan
from induction.pipeline.costs import ROW_BYTES, Work
from induction.pipeline.declarations import stages
from induction.pipeline.estimate import work_left
from induction.pipeline.row_counts import row_count


@dataclass(frozen=True)
class Gpu:
    """FLOP per second that a GPU does at most in training (bf16) and in what measures (fp32), by
    what its maker says, and the share of them that is reached."""

    training: float
    measuring: float
    share: float


@dataclass(frozen=True)
class CellScale:
    """What a cell takes: FLOP, bytes of its published checkpoints, and of all that it writes."""

    cell: str
    training: int
    measuring: int
    checkpoints: int
    written: float

    def hours(self, gpu: Gpu) -> tuple[float, float]:
        """On one GPU, of training and of measuring."""
        training = self.training / (gpu.training * gpu.share)
        return training / 3600, self.measuring / (gpu.measuring * gpu.share) / 3600


@dataclass(frozen=True)
class TableScale:
    """A table of all cells together; its bytes as Parquet packs those of the default study."""

    table: str
    rows: int
    written: float


@dataclass(frozen=True)
class Scale:
    """`unknown` has a line for each suite of which a hub does not answer how large it is."""

    cells: list[CellScale]
    tables: list[TableScale]
    corpora: float  # bytes of tokens and documents, at most
    unknown: list[str]


def scale_of(study: Study, published: bool = False) -> Scale:
    """The cells of a study, those of its published run too if asked; nothing is read of data/."""
    every = plan.expanded(study)
    work, unknown = work_left(study, [each for each in every if published or not _is_added(each)])
    names = list(dict.fromkeys(each.instance for each in work if each.instance in study.every_cell))
    return Scale(
        [_cell(study, name, [each for each in work if each.instance == name]) for name in names],
        _tables(study, names),
        sum(each.written for each in work if each.stage == "corpus"),
        unknown,
    )


def _is_added(stage: plan.Expanded) -> bool:
    return stage.file.parent.name == PUBLISHED


def _cell(study: Study, name: str, work: list[Work]) -> CellScale:
    n_ctx = study.corpus.n_ctx
    checkpoints = 0
    if study.suite_of(name) is None:
        weights = study.models[study.every_cell[name].model].n_weights(
            study.corpus.vocab_size, n_ctx
        )
        checkpoints = 4 * weights * len(study.trained_as(name).schedule(n_ctx))
    return CellScale(
        name,
        sum(each.flop for each in work if each.stage == "train"),
        sum(each.flop for each in work if each.stage != "train"),
        checkpoints,
        sum(each.written for each in work),
    )


def _tables(study: Study, cells: list[str]) -> list[TableScale]:
    """Those of cells whose rows do not depend on results."""
    tables = []
    for stage in ROW_BYTES:
        for table in stages()[stage].tables:
            counts = [row_count(study, table.name, cell, {}) for cell in cells]
            rows = sum(count for count in counts if count is not None)
            if rows:
                tables.append(TableScale(table.name, rows, rows * ROW_BYTES[stage]))
    return tables

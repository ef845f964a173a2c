"""The tables of the study, as large as those of a study with more checkpoints would be.

Between two checkpoints of the study lie copies of the first, so that its last step and the ends of
its windows stay what they were. Copies of losses have noise on them, because losses that repeat
could be packed better than real ones. The files lie in .scratch/, and are reused while what they
are made of stays.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from induction.config.errors import StageError
from induction.config.paths import DATA, SCRATCH
from induction.config.remedy import make
from induction.pipeline.progress import progress
from induction.pipeline.views import Views
from induction.tables.atomic import remove, write
from induction.tables.columns import STEP
from induction.tables.contract import Columns
from induction.tables.losses import LOSSES
from induction.tables.parquet import TableWriter, open_table, provenance_of, row_groups
from induction.tables.source import Source

FOLDER = SCRATCH / "bench" / "tables"
MADE_FROM = FOLDER / "made_from.json"
NOISE = 0.01  # of a loss; standard deviation


def enlarge(views: Views, stages: Collection[str], rows: int) -> Views:
    """`views` with at least so many rows of losses, and as many checkpoints in all tables of the
    named `stages`.

    Raises StageError without losses, and where checkpoints are too close for so many in between.
    """
    sources = views.get(LOSSES, [])
    if not sources:
        raise StageError(f"{DATA}/losses: found no losses; {make('losses')}, or `make study`")
    copies = copies_for(sources, rows)
    grown = {
        table: [source for source in files if source.stage.partition("@")[0] in stages]
        for table, files in views.items()
        if table.keys[0] == STEP
    }
    files = [(table, source) for table, some in grown.items() for source in some]
    made_from = {"copies": copies} | {
        str(source.path): [source.path.stat().st_size, source.path.stat().st_mtime_ns]
        for _, source in files
    }
    if not MADE_FROM.exists() or json.loads(MADE_FROM.read_text("utf-8")) != made_from:
        remove(FOLDER)
        FOLDER.mkdir(parents=True)
        size = sum(open_table(table, source).metadata.num_rows for table, source in files)
        with progress(None, "bench: enlarged tables", "row", total=size * copies) as bar:
            for table, source in files:
                with TableWriter(table, _place(source), provenance_of(table, source)) as writer:
                    for part in _copied(source, [*row_groups(table, source)], copies):
                        writer.write(part)
                        bar.update(len(part["step"]))
        write(MADE_FROM, json.dumps(made_from).encode())
    return views | {
        table: [replace(source, path=_place(source)) for source in some]
        for table, some in grown.items()
        if some
    }


def copies_for(sources: list[Source], rows: int) -> int:
    """How often each checkpoint but the last is there, so that the losses have so many rows."""
    sizes = [open_table(LOSSES, source).metadata for source in sources]
    per_checkpoint = sum(size.num_rows // size.num_row_groups for size in sizes)
    checkpoints = min(size.num_row_groups for size in sizes)
    if checkpoints < 2:
        raise StageError(f"{sources[0].path}: found one checkpoint, expected two or more")
    return max(1, -(-(-(-rows // per_checkpoint) - 1) // (checkpoints - 1)))


def _place(source: Source) -> Path:
    return FOLDER / source.path.relative_to(DATA)


def _copied(source: Source, groups: list[dict[str, np.ndarray]], copies: int) -> Iterator[Columns]:
    """Row groups with each checkpoint so many times, at the steps after its own; the last of all
    once. What is a row group of several checkpoints stays one."""
    if not groups:  # one layer has no pairs of heads
        return
    steps = np.unique(np.concatenate([group["step"] for group in groups]))
    least = int(np.diff(steps).min(initial=copies))
    if least < copies:
        raise StageError(
            f"{source.path}: found checkpoints {least} step(s) apart, expected at least {copies}, "
            "to have as many in between; ask for fewer rows, or train with fewer checkpoints"
        )
    rng = np.random.default_rng(0)
    for group in groups:
        firsts = np.unique(group["step"], return_index=True)[1]
        parts = []
        for first, end in pairwise([*firsts, len(group["step"])]):
            part = {name: values[first:end] for name, values in group.items()}
            for i in range(copies if part["step"][0] < steps[-1] else 1):
                copy = part | {"step": part["step"] + np.int32(i)}
                if i and "loss" in part:
                    noise = rng.standard_normal(end - first, np.float32)
                    copy["loss"] = np.asarray(
                        part["loss"] * (1 + NOISE * noise), part["loss"].dtype
                    )
                parts.append(copy)
        if len(firsts) > 1:
            parts = [{name: np.concatenate([part[name] for part in parts]) for name in group}]
        for part in parts:
            yield {**part}

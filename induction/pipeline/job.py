"""One stage execution: its params, inputs, outputs, provenance and errors."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FunctionType

import click
import numpy as np

from induction import STARTED
from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.names import A_SLUG, PUBLISHED, PUBLISHED_TRAIN, SLUG
from induction.config.params import PARAMS, Params
from induction.config.paths import SCRATCH, TORCH
from induction.config.remedy import put_right
from induction.config.suites import Suite
from induction.config.train import TrainLength, TrainSettings
from induction.config.utf8 import run_in_utf8
from induction.pipeline import code_digests, layout, status
from induction.pipeline.artifacts import (
    CHECKPOINTS,
    DIGESTS,
    PARAMS_FILE,
    TEXT,
    Artifact,
    File,
    OfEveryCorpus,
    Output,
)
from induction.pipeline.declarations import STAGES, Stage, stages, writer_of
from induction.pipeline.locks import exclusive
from induction.tables.atomic import remove
from induction.tables.contract import Table, TableError
from induction.tables.fetch import FETCHED, tokens_per_step
from induction.tables.parquet import TableWriter, read_table
from induction.tables.provenance import Provenance, hash_params, versions
from induction.tables.source import Source

OPTION_HELP = {
    "cell": "a name from `cells` or `published` in params.yaml",
    "corpus": "a name from `corpora` or `suites` in params.yaml; without it, the study's own",
    "grid": f"{PUBLISHED!r}: the cells of the published run; without it, the study's",
}
Columns = dict[str, np.ndarray | list]


class Job:
    """A stage that runs for an instance: a cell, a corpus or a grid; the study's own corpus and
    grid have no name.

    It reads what the stage's module declares in INPUTS and PARAMS, writes what it declares in
    OUTPUTS, and refuses the rest.
    """

    def __init__(self, stage: str, instance: str = ""):
        self.stage, self.instance = stages()[stage], instance
        self.params = Params()
        self.device, self.dtype = "cpu", "float32"
        self._text, self._digest_text = "", lambda: ""
        self._code = code_digests.digests(code_digests.files(stage))
        young = [path for path in self._code if Path(path).stat().st_mtime > STARTED]
        if young:
            raise StageError(
                f"{', '.join(young)}: changed while this stage was starting; run it again"
            )
        if DIGESTS not in self.stage.outputs:
            code_digests.check_planned(stage, code_digests.combine(self._code))

    @property
    def label(self) -> str:
        return layout.label(self.stage.name, self.instance)

    @property
    def cell(self) -> tuple[str, Cell]:
        """The key of this cell in params.yaml, and what it says."""
        return layout.cell_of(self.params, self.instance)

    @property
    def cells(self) -> dict[str, Cell]:
        """The cells of this grid, sorted by name."""
        return layout.cells_of_grid(self.params, self.instance)

    @property
    def train(self) -> TrainSettings:
        """Section `train`, as the run has it that this cell or grid belongs to.

        A cell's own changes come on top.
        """
        train = self.params.section("train", TrainSettings)
        section = self.cell[0].partition(".")[0] if self.stage.is_of_cell else self.instance
        if section != PUBLISHED:
            return train
        return train.of_published(self.params.section(PUBLISHED_TRAIN, TrainLength))

    @property
    def suite_name(self) -> str:
        """Of the suite that this cell or grid is, or whose tokens this corpus has; empty for models
        of ours."""
        if self.stage.is_of_cell:
            return self.cell[1].suite
        if self.stage.per == "grid":
            return "" if self.instance in ("", PUBLISHED) else self.cell[1].suite
        return self.instance if self.params.has(f"suites.{self.instance}") else ""

    @property
    def suite(self) -> Suite | None:
        """What params.yaml says of it."""
        name = self.suite_name
        return self.params.section(f"suites.{name}", Suite) if name else None

    @property
    def bos(self) -> int | None:
        """The token that the model was trained to find first in every sequence, if there is one."""
        suite = self.suite
        return suite.bos if suite and suite.bos != "none" else None

    @property
    def tokens_per_step(self) -> int:
        """Training tokens of an optimiser step, of all cells of the grid."""
        if not self.suite_name:
            return self.train.batch * self.params.integer("corpus.n_ctx")
        return tokens_per_step(self.source(FETCHED))

    # Reading

    def sources(self, artifact: Artifact) -> list[Source]:
        """The files of an input that this job reads, which need not exist.

        For a grid those of all its cells, or of the cells on the study's own text if the input is
        declared so.
        """
        if artifact not in self.stage.artifacts_read:
            raise ValueError(f"stages/{self.stage.name}.py: INPUTS lacks {artifact}")
        writer = writer_of(artifact)
        if writer.is_of_cell and self.stage.per == "grid":
            return [
                layout.source_of(artifact, name)
                for name, cell in self.cells.items()
                if layout.is_read(artifact, cell, self.stage)
            ]
        if isinstance(artifact, File) and OfEveryCorpus(artifact) in self.stage.inputs:
            corpora = {self.suite_name, *(cell.corpus_instance for cell in self.cells.values())}
            return [layout.source_of(artifact, corpus) for corpus in sorted(corpora)]
        if writer.per == "corpus":
            of_cell = self.stage.is_of_cell
            corpus = self.cell[1].corpus_instance if of_cell else self.suite_name
            return [layout.source_of(artifact, corpus)]
        if artifact == CHECKPOINTS and self.suite_name:
            return [layout.fetched(self.instance)]
        return [layout.source_of(artifact, self.instance if writer.per else "")]

    def source(self, artifact: Artifact) -> Source:
        """The one file of an input."""
        (source,) = self.sources(artifact)
        return source

    def read(self, table: Table) -> dict[str, np.ndarray]:
        """The columns of a small table with one file, held to its contract."""
        source = self.source(table)
        return read_table(table, source)

    def read_cells(self, table: Table) -> dict[str, dict[str, np.ndarray]]:
        """The same of a table with one file per cell, by the names of the cells."""
        return {str(source.cell): read_table(table, source) for source in self.sources(table)}

    def reads_text(self, digest: Callable[[], str]) -> None:
        """Say which text this job reads, by a function that hashes it; call this before reading.

        The hash becomes part of every provenance, and is compared before anything is published.
        """
        if TEXT not in self.stage.inputs:
            raise ValueError(f"stages/{self.stage.name}.py: INPUTS lacks {TEXT}")
        self._text, self._digest_text = digest(), digest

    def views(self) -> dict[Table, list[Source]]:
        """The files of every table among the inputs, for `tables.duck.connect`."""
        tables = [artifact for artifact in self.stage.artifacts_read if isinstance(artifact, Table)]
        return {table: self.sources(table) for table in tables}

    # Writing

    @property
    def declared(self) -> frozenset[str]:
        """The keys of params.yaml that DVC watches for this job; none if it watches all of it."""
        if PARAMS_FILE in self.stage.inputs:
            return frozenset()
        section = model = ""
        if self.stage.is_of_cell:
            key, cell = self.cell
            section, model = key.partition(".")[0], cell.model
        return params_of(self.stage, section, self.instance, model, self.suite_name)

    @property
    def provenance(self) -> Provenance:
        """Of an artifact made now."""
        return self.provenance_without(())

    def provenance_without(self, keys: tuple[str, ...]) -> Provenance:
        """Of an artifact about which these params do not decide, though the stage reads them.

        Without it, a longer evaluation set would be a reason to train again.
        """
        return Provenance(
            self.stage.name,
            self.instance,
            code_digests.combine(self._code),
            hash_params(self.params.values(self.declared or self.params.keys_read), keys),
            self._text,
            versions(),
            self.device,
            self.dtype,
        )

    @contextmanager
    def outputs(self) -> Iterator["Outputs"]:
        """Scratch paths for every output of the stage, put into place when the block ends.

        Each is moved by a rename inside one file system, so that it is either whole or not there.
        Raises StageError, and publishes nothing, if code, params or text changed in the meantime:
        DVC looks at them only when the stage has ended, and would credit the new with these
        outputs.
        """
        is_suite = self.suite_name != ""
        places = {
            output: layout.path_of(self.stage.name, output, self.instance)
            for output in layout.written(self.stage, is_suite)
        }
        partial = SCRATCH / "partial" / self.label
        remove(partial)
        partial.mkdir(parents=True)
        try:
            with ExitStack() as stack:
                yield Outputs(self, partial, stack)
            self._check_read()
            self._check_unchanged()
            if self.stage.is_of_cell:
                _publish(partial, layout.folder_of(self.stage.name, self.instance))
            else:
                for output, place in places.items():
                    _publish(partial / layout.file_name(output), place)
        finally:
            remove(partial)

    def _check_read(self) -> None:
        """Whatever decided about an output is a dependency that DVC knows."""
        if not self.declared:
            return
        # A section covers the keys in it.
        undeclared = sorted(
            key
            for key in self.params.keys_read
            if not any(f"{key}.".startswith(f"{section}.") for section in self.declared)
        )
        if undeclared:
            raise ValueError(f"stages/{self.stage.name}.py: PARAMS lacks {', '.join(undeclared)}")

    def _check_unchanged(self) -> None:
        now = code_digests.digests([Path(path) for path in self._code if Path(path).exists()])
        changed = {path for path, _ in now.items() ^ self._code.items()}
        keys = self.params.keys_read
        if self.params.values(keys) != Params().values(keys):
            changed.add(str(PARAMS))
        if self._digest_text() != self._text:
            changed.add("the text of the corpus")
        if changed:
            raise StageError(
                f"{', '.join(sorted(changed))}: changed while this stage ran, so its output does "
                "not belong to what is there now; nothing was published, and what training has "
                "done so far is kept. Undo the change and run `make study` to finish "
                "from there, or keep it and run `make study` to make this stage anew"
            )


class Outputs:
    """Where a job writes; see `Job.outputs`."""

    def __init__(self, job: Job, folder: Path, stack: ExitStack):
        self.folder = folder
        self._job, self._stack = job, stack

    def path(self, output: Output) -> Path:
        """Where to write an output that is no table."""
        if output not in self._job.stage.outputs:
            raise ValueError(f"stages/{self._job.stage.name}.py: OUTPUTS lacks {output}")
        return self.folder / layout.file_name(output)

    def writer(self, table: Table) -> TableWriter:
        """A table to be written batch by batch; it is closed when the block ends."""
        made_by = self._job.provenance_without(table.without)
        return self._stack.enter_context(TableWriter(table, self.path(table), made_by))

    def write(self, table: Table, columns: Columns) -> None:
        """A table that is one batch; without rows, where the table may be empty."""
        writer = self.writer(table)
        if len(columns[table.grain[0]]):
            writer.write(columns)


def params_of(
    stage: Stage, section: str, instance: str, model: str = "", suite: str = ""
) -> frozenset[str]:
    """The keys of params.yaml that a stage reads for an instance: those it declares, and the entry
    of the instance.

    `section` is where a cell stands, cells or published; `suite` is the suite that a cell is, or
    whose tokens a corpus has.
    """
    entry = []
    if stage.is_of_cell:
        entry = [f"{section}.{instance}"]
    elif stage.per == "corpus" and suite:
        entry = ["corpora"]  # one of them, or none
    elif stage.per == "corpus" and instance:
        entry = [f"corpora.{instance}"]
    elif stage.per == "grid":
        entry = [f"cells.{instance}"] if suite else [instance or "cells"]
    if suite:
        entry.append(f"suites.{suite}")
    is_published = PUBLISHED in (section if stage.is_of_cell else "", instance)
    if is_published and "train" in stage.params:
        entry.append(PUBLISHED_TRAIN)
    return frozenset([*entry, *(key.format(model=model) for key in stage.params)])


def _publish(partial: Path, path: Path) -> None:
    """Put `partial` in the place of `path`, by renames."""
    replaced = partial.with_name(f"{partial.name}.replaced")
    remove(replaced)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if path.exists():
            # Removed where it stands, a folder would for a moment be neither old nor new.
            os.replace(path, replaced)
        os.replace(partial, path)
    except OSError:
        if replaced.exists() and not path.exists():
            os.replace(replaced, path)
        raise
    finally:
        remove(replaced)


def run(main: FunctionType) -> None:
    """Run a stage, given the `main` of its module, as a command.

    A stage per cell, corpus or grid has an option that names it. Exit status: 0 done, 1 with one
    line on standard error for what a user can mend, 130 for Ctrl-C. Anything else is a bug of ours
    and keeps its traceback.
    """
    run_in_utf8()
    source = Path(main.__code__.co_filename)
    if source.resolve() != (STAGES / source.name).resolve():
        sys.exit(
            f"error: {source.stem}: found the code of {source}, expected that of {Path.cwd()}; "
            "unset PYTHONSAFEPATH and PYTHONPATH, and run it again"
        )
    stage = stages()[source.stem]
    options: list[click.Parameter] = []
    if stage.per:
        options.append(
            click.Option(
                [f"--{stage.option}", "instance"],
                required=stage.is_of_cell,
                default=None if stage.is_of_cell else "",
                help=OPTION_HELP[stage.option],
            )
        )

    def execute(instance: str = "") -> None:
        # Torch makes this folder in any case, otherwise among the temporary files of the system.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(TORCH)
        _execute(main, stage, instance)

    command = click.Command(
        f"python -m stages.{stage.name}", params=options, callback=execute, help=stage.about
    )
    command.main(prog_name=command.name)


def _execute(main: Callable[[Job], None], stage: Stage, instance: str) -> None:
    label = layout.label(stage.name, instance)
    try:
        start = time.perf_counter()
        if instance and not SLUG.fullmatch(instance):
            raise StageError(f"--{stage.option}: found {instance!r}, expected {A_SLUG}")
        with exclusive(label), status.reported(stage.name, instance):
            main(Job(stage.name, instance))
        _note_time(stage.name, label, time.perf_counter() - start)
    except StageError as error:
        sys.exit(f"error: {label}: {error}")
    except TableError as error:
        sys.exit(
            f"error: {label}: {error}; nothing was published. An input is damaged (see "
            "`induction verify`), or this is a bug"
        )
    except KeyboardInterrupt:
        print(
            f"\nerror: {label}: interrupted; nothing of it was published, "
            "`make study` goes on from here",
            file=sys.stderr,
        )
        sys.exit(130)
    except OSError as error:
        sys.exit(
            f"error: {label}: {error.filename or 'a file'}: "
            f"{os.strerror(error.errno) if error.errno else error}; nothing was published; "
            f"{put_right(error.errno)}, then run `make study` again"
        )


def _note_time(name: str, label: str, seconds: float) -> None:
    print(f"{label}: {seconds:.1f} s", file=sys.stderr)
    folder = SCRATCH / "times"
    folder.mkdir(parents=True, exist_ok=True)
    record = json.dumps({"stage": name, "seconds": seconds})
    (folder / f"{label}.json").write_text(record, encoding="utf-8")

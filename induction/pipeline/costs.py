"""What each stage costs, from params.yaml and the sizes of models: FLOP, bytes, and seconds of what
is no matrix product.

FLOP are those of `induction.models.flops`. Bytes per row and the seconds are those of the default
study, on the machine of the README.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from induction.config.model import Architecture, Init
from induction.config.study import Study
from induction.config.suites import Suite
from induction.models.flops import Sizes
from induction.models.suites.described import Described

# The computation whose rate a stage runs at.
Kind = Literal["train", "forward", "ablate"]
KINDS: dict[str, Kind] = {"train": "train", "ablations": "ablate"}

# Bytes of a row of the tables of a stage, as Parquet packs them.
ROW_BYTES = {"losses": 3.6, "icl": 5.4, "heads": 20, "ablations": 15, "interventions": 30}
CORPUS_BYTES = 0.77  # per character of text
CIRCUITS_BYTES = 65_000  # per checkpoint
GRID_BYTES = {"report": 1_300_000, "phases": 90_000, "claims": 7_000, "pca": 1_300}  # per cell

# Seconds per cell of stages that join cells; per character of a corpus, per row of losses that
# `icl` reads, per token in which `circuits` counts skip-trigrams; and per head that `heads` takes
# apart at a checkpoint.
GRID_SECONDS = {"report": 2.2, "phases": 0.5, "claims": 0.5, "pca": 0.2}
PLAN_SECONDS, CORPUS_SECONDS, ICL_SECONDS = 1.0, 2.2e-7, 1.8e-7
COUNTING_SECONDS, HEAD_SECONDS = 8e-6, 0.009

# Of a training in .scratch/, which its checkpoints are published from and a longer one goes on
# from: the checkpoints once more, weights, and two numbers per weight of the optimiser.
STATE = 3


@dataclass(frozen=True)
class Model:
    """A model whose rate is to be measured. For a foreign one, a model of ours of its sizes."""

    arch: Architecture
    vocab_size: int


@dataclass(frozen=True)
class Work:
    """What a stage of an instance costs. `flop` run at the rate of a `kind` of computation of
    `model`; of a suite about which a hub does not answer, nothing is known."""

    stage: str
    instance: str
    kind: Kind = "forward"
    model: Model | None = None
    flop: int = 0
    seconds: float = 0.0
    written: float = 0.0  # bytes
    download: int = 0  # bytes
    is_known: bool = True


def work_of(study: Study, stage: str, instance: str, described: Mapping[str, Described]) -> Work:
    """The work of a stage of an instance; `described` has the suites that are known, by cell."""
    if instance in study.every_cell and stage != "corpus" and stage not in GRID_SECONDS:
        suite = study.suite_of(instance)
        if suite is None:
            return _of_trained(study, stage, instance)
        return _of_suite(study, stage, instance, suite, described.get(instance))
    if stage == "plan":
        return Work(stage, instance, seconds=PLAN_SECONDS)
    if stage == "corpus":
        characters = _characters(study, instance)
        return Work(
            stage, instance, seconds=CORPUS_SECONDS * characters, written=CORPUS_BYTES * characters
        )
    return _of_grid(study, stage, instance)


def _characters(study: Study, corpus: str) -> int:
    """At most, as a text may have fewer."""
    name = study.suites[corpus].corpus if corpus in study.suites else corpus
    changed = study.corpora[name].max_characters if name else None
    return changed or study.corpus.max_characters


def _of_grid(study: Study, stage: str, grid: str) -> Work:
    cells = len(study.grids()[grid])
    return Work(
        stage,
        grid,
        seconds=GRID_SECONDS.get(stage, 0) * cells,
        written=GRID_BYTES.get(stage, 0) * cells,
    )


def _of_trained(study: Study, stage: str, cell: str) -> Work:
    arch, train = study.models[study.every_cell[cell].model], study.trained_as(cell)
    n_ctx, vocab_size = study.corpus.n_ctx, study.corpus.vocab_size
    sizes, model = Sizes.of(arch, vocab_size), Model(arch, vocab_size)
    checkpoints = len(train.schedule(n_ctx))
    if stage == "train":
        steps, weights = train.steps(n_ctx), arch.n_weights(vocab_size, n_ctx)
        flop = steps * sizes.step(train.batch, n_ctx, train.optimizer == "muon")
        written = 4 * weights * (2 * checkpoints + STATE)
        return Work(stage, cell, "train", model, flop, written=written)
    return _of_checkpoints(study, stage, cell, sizes, model, checkpoints)


def _of_suite(
    study: Study, stage: str, cell: str, suite: Suite, described: Described | None
) -> Work:
    if described is None:
        return Work(stage, cell, is_known=False)
    sizes = described.sizes
    if stage == "fetch":
        # Each checkpoint is measured while it is here; that counts with the stages that measure.
        download = described.checkpoints * described.download
        return Work(stage, cell, download=download, written=download if suite.keep else 0)
    model = Model(stand_in(sizes), sizes.vocab_size)
    return _of_checkpoints(study, stage, cell, sizes, model, described.checkpoints)


def _of_checkpoints(
    study: Study, stage: str, cell: str, sizes: Sizes, model: Model, checkpoints: int
) -> Work:
    """The work of a stage that measures checkpoints, or reads what was measured."""
    length, n_seq = study.corpus.evaluation.tokens, study.corpus.evaluation.sequences
    early = study.icl.windows.early
    # Positions that the model reads, of a whole sequence and of one with a short context.
    lengths = (length - 1, early[1] + 1)
    flop, rows, seconds = 0, 0.0, 0.0
    if stage == "losses":
        flop = n_seq * sum(map(sizes.forward, lengths))
        rows = n_seq * (length - 1 + study.icl.windows.length)
    elif stage == "icl":
        rows = length + n_seq
        seconds = ICL_SECONDS * n_seq * (length - 1)
    elif stage == "heads":
        settings = study.heads
        flop = sizes.head_scores(settings, length)
        probes = 2 * len(settings.lengths) * settings.repeats * settings.sequences
        rows = sizes.heads * (1 + settings.sequences) + sizes.pairs + probes
        seconds = HEAD_SECONDS * sizes.heads
    elif stage == "ablations":
        settings = study.ablations
        for length in lengths:
            each = sizes.ablated(length, settings.modes)
            flop += settings.sequences * each
            if settings.others:
                others = sizes.head_outputs(length) + len(settings.others) * each
                flop += settings.other_sequences * others
        rows = settings.rows(sizes.heads)
    elif stage == "interventions":
        checkpoints = -(-checkpoints // study.interventions.every)
        runs, sequences = expected_runs(sizes, study), study.interventions.sequences
        flop = round(runs * sequences * sum(map(sizes.edited, lengths)))
        rows = runs * sequences
    elif stage == "circuits":
        checkpoints = min(checkpoints, len(study.circuits.checkpoints))
        probe = study.heads.sequences * study.heads.block * study.heads.repeats
        flop = sizes.circuits(study.circuits, lengths, probe)
        seconds = COUNTING_SECONDS * study.circuits.counted / checkpoints
    written = CIRCUITS_BYTES if stage == "circuits" else ROW_BYTES[stage] * rows
    return Work(
        stage,
        cell,
        KINDS.get(stage, "forward"),
        model if flop else None,
        checkpoints * flop,
        checkpoints * seconds,
        checkpoints * written,
    )


def expected_runs(sizes: Sizes, study: Study) -> float:
    """Runs of stage `interventions` at a checkpoint: half of those of a model that has heads of
    every kind, because early checkpoints have none.

    These are the whole model, three sets, six edits of patterns, and for each set random ones, of
    which there are no more than other heads where the set is one head.
    """
    drawn = min(study.interventions.draws, sizes.n_heads - 1)
    return (1 + 3 + 6 + 3 * drawn) / 2


def stand_in(sizes: Sizes) -> Architecture:
    """A model of ours with as many weights in its layers as one of others."""
    n_heads = max(1, sizes.d_model // sizes.d_head)
    while sizes.d_model % n_heads:
        n_heads -= 1
    return Architecture(
        n_layers=sizes.n_layers,
        n_heads=n_heads,
        d_model=sizes.d_model,
        mlp=sizes.d_mlp > 0,
        d_mlp=sizes.d_mlp * sizes.mlp_matrices // 2,
        smeared_keys=False,
        positions="learned",
        sinusoid_amplitude=0.0,
        init=Init(0.1, 1.0, 1.0, 0.1, 0.0),
    )

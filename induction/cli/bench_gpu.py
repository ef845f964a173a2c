"""Measure a GPU: training, losses, ablations, and whether a killed training ends in the same bits.

Prints Markdown for docs/gpus.md. Everything runs the way of a GPU (`Workers.on_gpu`), also where it
is tried on a CPU.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.errors import ParamsError, StageError
from induction.config.model import Architecture, Init
from induction.config.params import Params
from induction.config.train import TrainSettings
from induction.interp.ablation import WHOLE_MODEL, Ablation, ablated_nll
from induction.interp.losses import token_nll
from induction.models import device as devices
from induction.models.bridge import bridge
from induction.models.flops import Sizes
from induction.models.training import Trainer, TrainingWindows
from induction.models.training_state import TrainingState, step_of
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline.environment import run, start
from induction.tables.atomic import remove

Losses = dict[Ablation, Tensor]
ROUNDS = 5
# Of the training that is killed: its steps, and the first at which it may be.
STEPS, KILLED_FROM = 40, 10


@dataclass(frozen=True)
class Size:
    """A model, the tokens of a sequence, sequences per step, and those per pass."""

    d_model: int
    n_layers: int
    mlp: bool
    n_ctx: int
    batch: int
    micro_batch: int

    @property
    def arch(self) -> Architecture:
        d_head = 32 if self.d_model < 512 else 64
        return Architecture(
            n_layers=self.n_layers,
            n_heads=max(1, self.d_model // d_head),
            d_model=self.d_model,
            mlp=self.mlp,
            d_mlp=4 * self.d_model,
            smeared_keys=False,
            positions="qk_sinusoidal",
            sinusoid_amplitude=2.0,
            init=Init(0.3, 1.0, 0.3, 0.02, 0.0),
        )


@dataclass(frozen=True)
class Plan:
    """What is measured: matrices of the peak, models, compiled or not, timed steps, sequences of
    losses and of ablations, and by how many at a time."""

    matrix: int
    sizes: tuple[Size, ...]
    compiled: tuple[bool, ...]
    steps: int
    evaluated: tuple[int, int]
    batches: tuple[int, int]


WHOLE = Plan(
    8_192,
    (
        Size(128, 2, False, 512, 8, 8),
        Size(128, 2, False, 512, 64, 64),
        Size(512, 6, True, 512, 64, 16),
        Size(768, 12, True, 512, 64, 16),
    ),
    (False, True),
    steps=30,
    evaluated=(384, 32),
    batches=(4, 64),
)
# Without compiling, which takes a minute or more and has a test of its own.
TRIED = Size(32, 2, True, 64, 4, 2)
SMALL = Plan(128, (TRIED,), (False,), steps=2, evaluated=(8, 4), batches=(2, 4))


def measure(small: bool) -> None:
    """Print all of it. Raises StageError without a GPU, unless `small`."""
    device, plan = devices.pick("auto"), SMALL if small else WHOLE
    if device.type == "cpu" and not small:
        raise StageError(
            "--gpu: torch sees no GPU, expected one; run it where there is one, or add --small, "
            "which tries all of it on the CPU"
        )
    vocab_size = Params().integer("corpus.vocab_size")
    devices.make_deterministic()
    card = "CPU: no GPU was used" if device.type == "cpu" else devices.name(device)
    print(f"{card}; torch {torch.__version__}; {time.strftime('%d %B %Y')}\n")
    with Workers(device) as workers:
        workers.on_gpu = True
        peak = peak_rate(plan.matrix, device)
        print(f"Peak: {peak / 1e12:,.4g} TFLOP/s, of bf16 matrices of {plan.matrix:,}\n")
        print("| d_model | layers | MLP | batch | per pass | compiled | tok/s | of peak |")
        print("|---|---|---|---|---|---|---|---|")
        for size in plan.sizes:
            for compile in plan.compiled:
                print(training_row(size, compile, plan.steps, vocab_size, peak, workers, device))
        print()
        for line in evaluation(plan, vocab_size, device):
            print(line)
    # The child processes ask for the device themselves.
    print(f"\n{resumed()}")


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """The median of some rounds, after one that is not counted."""
    times = []
    for _ in range(1 + ROUNDS):
        devices.wait(device)
        begin = time.perf_counter()
        work()
        devices.wait(device)
        times.append(time.perf_counter() - begin)
    return median(times[1:])


def peak_rate(size: int, device: torch.device) -> float:
    """FLOP per second of a product of square bf16 matrices."""
    a, b = torch.randn(2, size, size, device=device).bfloat16()
    return 2 * size**3 / seconds(lambda: a @ b, device)


def model_of(size: Size, vocab_size: int) -> Transformer:
    model = Transformer(size.arch, vocab_size, size.n_ctx)
    model.init_weights(0)
    return model


def trainer_of(
    size: Size, compile: bool, vocab_size: int, steps: int, workers: Workers, device: torch.device
) -> Trainer:
    """Of a model with random weights, on random tokens. Raises ParamsError if there is nothing to
    compile with."""
    n_tokens = steps * size.batch * size.n_ctx + 1
    stream = np.random.default_rng(0).integers(0, vocab_size, n_tokens, dtype=np.uint16)
    windows = TrainingWindows(stream, size.n_ctx, size.batch, seed=0)
    settings = replace(
        Params().section("train", TrainSettings),
        batch=size.batch,
        micro_batch=size.micro_batch,
        compile=compile,
    )
    return Trainer(model_of(size, vocab_size).to(device), windows, settings, workers)


def training_row(
    size: Size,
    compile: bool,
    steps: int,
    vocab_size: int,
    peak: float,
    workers: Workers,
    device: torch.device,
) -> str:
    """A line of the table of training; in place of a rate, why there is none."""
    begin = [str(size.d_model), str(size.n_layers), "yes" if size.mlp else "no"]
    begin += [str(size.batch), str(size.micro_batch), "yes" if compile else "no"]
    try:
        # A step is `steps` of the trainer's, so that reading the clock costs nothing.
        trainer = trainer_of(size, compile, vocab_size, (1 + ROUNDS) * steps, workers, device)
        took = seconds(lambda: [trainer.advance() for _ in range(steps)], device) / steps
    except ParamsError as error:
        return f"| {' | '.join([*begin, str(error), '–'])} |"
    is_muon = trainer.settings.optimizer == "muon"
    flop = Sizes.of(size.arch, vocab_size).step(size.batch, size.n_ctx, is_muon)
    rate = f"{size.batch * size.n_ctx / took:,.0f}"
    return f"| {' | '.join([*begin, rate, f'{flop / took / peak:.1%}'])} |"


def evaluation(plan: Plan, vocab_size: int, device: torch.device) -> Iterator[str]:
    """The table of losses and ablations: milliseconds, and how far they are from TransformerLens
    on the same device [nats]."""
    model = model_of(plan.sizes[0], vocab_size)
    lens = bridge(model, "bench").eval().to(device, print_details=False)
    model.to(device)
    rng = torch.Generator().manual_seed(0)
    shape = (max(plan.evaluated), plan.sizes[0].n_ctx)
    tokens = torch.randint(0, vocab_size, shape, generator=rng).to(device)

    def losses(part: Tensor) -> Losses:
        return {WHOLE_MODEL: token_nll(model, part)}

    def ablations(part: Tensor) -> Losses:
        return ablated_nll(model, part, ("full",))

    yield "| | sequences | at a time | ms | largest difference to TransformerLens |"
    yield "|---|---|---|---|---|"
    works = (("losses", losses), ("ablations", ablations))
    for (name, work), count in zip(works, plan.evaluated, strict=True):
        wanted = lens_losses(lens, tokens[: min(plan.batches)], model, name == "ablations")
        for batch in plan.batches:
            parts = tokens[:count].split(batch)
            took = seconds(lambda work=work, parts=parts: [work(part) for part in parts], device)
            got = work(parts[0])
            error = max(
                (got[each][: len(values)] - values).abs().max().item()
                for each, values in wanted.items()
            )
            at_once = min(batch, count)
            yield f"| {name} | {count} | {at_once} | {1e3 * took:,.1f} | {error:.1e} |"


@torch.no_grad()
def lens_losses(
    lens: Callable, tokens: Int[Tensor, "batch pos"], model: Transformer, ablated: bool
) -> dict[Ablation, Float[Tensor, "batch pos-1"]]:
    """The same from TransformerLens and its hooks."""

    def nll(logits: Tensor) -> Tensor:
        return F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")

    losses = {WHOLE_MODEL: nll(lens(tokens[:, :-1]))}
    heads = [(la, head) for la in range(model.n_layers) for head in range(model.n_heads)]
    for layer, head in heads if ablated else []:

        def without(z: Tensor, hook: object, head: int = head) -> Tensor:
            z[:, :, head] = 0
            return z

        hooks = [(f"blocks.{layer}.attn.hook_z", without)]
        logits = lens.run_with_hooks(tokens[:, :-1], fwd_hooks=hooks)  # type: ignore[attr-defined]
        losses[Ablation(layer, head, "full")] = nll(logits)
    return losses


def resumed() -> str:
    """Kill a small training, let it go on, and compare it with one that nothing disturbs."""
    states = [state_of(name) for name in ("bench_killed", "bench_whole")]
    command = [sys.executable, "-m", "induction.cli.bench_gpu"]
    try:
        killed, whole = (state.cell for state in states)
        with start([*command, killed]) as process:
            while (step_of(states[0].folder) or 0) < KILLED_FROM and process.poll() is None:
                time.sleep(0.01)
            process.kill()
        step = step_of(states[0].folder)
        ends = [
            run([*command, cell], capture_output=True, text=True, check=True).stdout
            for cell in (killed, whole)
        ]
    finally:
        for state in states:
            remove(state.folder)
    bits = "the same bits as" if ends[0] == ends[1] else "OTHER BITS than"
    return f"A training of {STEPS} steps, killed at step {step}, ends in {bits} an undisturbed one."


def state_of(cell: str) -> TrainingState:
    return TrainingState(cell, {"bench": cell})


def trained(cell: str) -> str:
    """Train a small model, from the state where there is one, which every step leaves; a hash of
    the last."""
    state, device = state_of(cell), devices.pick("auto")
    devices.make_deterministic()
    with Workers(device) as workers:
        workers.on_gpu = True
        trainer = trainer_of(TRIED, False, 512, STEPS, workers, device)
        if kept := state.load([]):
            trainer.restore(*kept)
        while trainer.step < STEPS:
            trainer.advance()
            state.save(trainer.step, trainer.state())
    digest = hashlib.sha256()
    for name, tensor in sorted(trainer.state().items()):
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    print(trained(sys.argv[1]))

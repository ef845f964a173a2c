"""Time the inner loops against the plain ways of doing the same."""

import copy
import time
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median

import click
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Muon, Optimizer
from torch.utils.flop_counter import FlopCounterMode

from induction.config.circuits import CircuitSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.train import TrainSettings
from induction.interp.ablation import ablated_nll
from induction.interp.circuits.edges import edges_of
from induction.interp.circuits.patching import clean_run
from induction.interp.circuits.token_circuits import Factored
from induction.interp.losses import token_nll
from induction.models.bridge import bridge
from induction.models.muon import CpuMuon
from induction.models.training import optimizers, set_gradients
from induction.models.transformer import Transformer
from induction.models.workers import A, B, Workers

ROUNDS = 5
# Other vocabularies, and the rows of a token circuit that are timed.
VOCABULARIES = (1_024, 50_000)
ROWS = 500
# Products per task where their rate is measured.
REPEATS = 20


def seconds(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[float, float]:
    """Medians over rounds that take turns, after one warm-up each."""
    ours()
    plain()

    def timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    rounds = [(timed(ours), timed(plain)) for _ in range(ROUNDS)]
    return median(each[0] for each in rounds), median(each[1] for each in rounds)


def line(what: str, tokens: int, ours: float, plain: float, against: str) -> None:
    print(
        f"{what:<34} {tokens / ours:>9,.0f} tok/s   {plain / ours:4.1f} × {against} "
        f"({tokens / plain:,.0f})"
    )


def with_torchs_muon(steppers: list[Optimizer]) -> list[Optimizer]:
    """The same optimisers with torch's Muon in place of ours; none if ours is not among them."""
    theirs: dict[Optimizer, Optimizer] = {
        stepper: Muon(stepper.param_groups[0]["params"], **stepper.defaults)
        for stepper in steppers
        if isinstance(stepper, CpuMuon)
    }
    return [theirs.get(stepper, stepper) for stepper in steppers] if theirs else []


def with_torchs_attention(model: Transformer) -> Transformer:
    """A copy whose attention is torch's fused kernel."""

    def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    plain = copy.deepcopy(model)
    for block in plain.layers:
        block.attn.z = fused
    return plain


class ThisThread(Workers):
    """Work where it is asked for: what counts operations sees those of its own thread alone."""

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        return [work(item) for item in items]


def multiplications(
    model: Transformer, tokens: Tensor, targets: Tensor, train: TrainSettings
) -> int:
    """Floating-point operations of all matrix products of one training step."""
    model = copy.deepcopy(model)
    with FlopCounterMode(display=False) as counter, ThisThread(torch.device("cpu")) as workers:
        set_gradients(model, tokens, targets, workers)
        for stepper in optimizers(model, train, workers):
            stepper.step()
    return counter.get_total_flops()


def gemm_rate(
    rows: int, inner: int, columns: tuple[int, ...], workers: Workers, cores: int
) -> float:
    """Floating-point operations per second of fp32 products of a sequence with a layer's and the
    unembedding's matrices, with all cores at work."""
    x = torch.randn(rows, inner)
    others = [torch.randn(inner, count) for count in columns]

    def products(_: int) -> None:
        for _ in range(REPEATS):
            for other in others:
                torch.mm(x, other)

    tasks = 4 * cores
    once, _ = seconds(lambda: workers.map(products, range(tasks)), lambda: None)
    return tasks * REPEATS * 2 * rows * inner * sum(columns) / once


def reading_cost(
    arch: Architecture, vocab_size: int, n_ctx: int, settings: CircuitSettings, cores: int
) -> float:
    """Seconds that stage `circuits` takes for a cell at this vocabulary, estimated from what grows
    with it: one block of rows of a token circuit, and one sequence's run and losses, which an edge
    cut takes about as long as. What does not grow, some seconds, is left out.
    """
    model = Transformer(arch, vocab_size, n_ctx)
    model.init_weights(0)
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, vocab_size, (1, n_ctx), generator=rng)
    block = Factored(*torch.randn(2, vocab_size, arch.d_head, generator=rng, dtype=torch.float64))
    rows = min(vocab_size, ROWS)
    torch.set_num_threads(1)
    circuit, once = seconds(
        lambda: Factored(block.left[:rows], block.right).top(1, 1), lambda: clean_run(model, tokens)
    )
    heads = arch.n_layers * arch.n_heads
    edges = len(edges_of(model))
    runs = edges * settings.sequences + 3 * len(settings.replacements) * settings.trial_sequences
    circuits = (3 * heads + edges) * vocab_size / rows
    return len(settings.checkpoints) * (circuits * circuit + runs * once / cores)


@click.command
@click.argument("names", metavar="[MODEL]...", nargs=-1)
def command(names: tuple[str, ...]) -> None:
    """Time the inner loops alone, on random weights and tokens at the size of the default study,
    for the models named; for all of params.yaml without a name.

    Each line compares our way with the plain way of doing the same, in one run, because machines
    differ and are shared: trust the ratio, not the rate. While others use the machine, trust
    neither: threads that share one operation wait for one another, so the plain way loses more.
    """
    params = Params()
    train = params.section("train", TrainSettings)
    models = params.sections("models", Architecture)
    circuits = params.section("circuits", CircuitSettings)
    n_ctx, vocab_size = params.integer("corpus.n_ctx"), params.integer("corpus.vocab_size")
    cores = torch.get_num_threads()
    tokens = torch.randint(0, vocab_size, (8, n_ctx), generator=torch.Generator().manual_seed(0))
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    print(f"{cores} cores, batches of {len(tokens)} × {n_ctx} tokens, vocabulary {vocab_size}")
    for name in names:
        if name not in models:
            raise click.BadArgumentUsage(f"found {name!r}, expected one of {', '.join(models)}")
    for name in names or models:
        arch = models[name]
        model = Transformer(arch, vocab_size, n_ctx)
        model.init_weights(0)
        lens = bridge(model, name).eval()
        with Workers(torch.device("cpu")) as workers:
            ours = optimizers(model, train, workers)
            torchs = with_torchs_muon(ours)
            plain = with_torchs_attention(model)
            adamw = [torch.optim.AdamW(plain.parameters(), train.adamw_lr, fused=True)]

            def training(model=model, workers=workers, steppers=ours) -> None:
                torch.set_num_threads(1)
                set_gradients(model, inputs, targets, workers)
                for stepper in steppers:
                    stepper.step()

            def plain_training(model=plain, steppers=adamw) -> None:
                torch.set_num_threads(cores)
                model.zero_grad()
                F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
                for stepper in steppers:
                    stepper.step()

            def losses(model=model, workers=workers) -> None:
                torch.set_num_threads(1)
                workers.map(lambda part: token_nll(model, part), tokens.split(4))

            @torch.no_grad()
            def lens_losses(lens=lens) -> None:
                torch.set_num_threads(cores)
                F.cross_entropy(lens(inputs).transpose(1, 2), targets, reduction="none")

            def ablations(model=model, workers=workers) -> None:
                torch.set_num_threads(1)
                workers.map(lambda part: ablated_nll(model, part, ("full",)), tokens.split(4))

            @torch.no_grad()
            def hooked_ablations(model=model, lens=lens) -> None:
                torch.set_num_threads(cores)
                for layer in range(model.arch.n_layers):
                    for head in range(model.arch.n_heads):

                        def without(z, hook, head=head):
                            z[:, :, head] = 0
                            return z

                        hook: tuple[str | Callable, Callable]
                        hook = (f"blocks.{layer}.attn.hook_z", without)
                        logits = lens.run_with_hooks(inputs, fwd_hooks=[hook])
                        F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")

            step = len(inputs) * (n_ctx - 1)
            took, plainly = seconds(training, plain_training)
            line(f"{name} training step", step, took, plainly, "one backward, fused AdamW")
            operations = multiplications(model, inputs, targets, train)
            torch.set_num_threads(1)
            rate = gemm_rate(n_ctx - 1, arch.d_model, (arch.d_model, vocab_size), workers, cores)
            print(
                f"{name} training step: {operations / rate / took:.0%} of its time would do for "
                f"its matrix products ({operations / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s)"
            )
            if torchs:
                with_theirs = partial(training, steppers=torchs)
                line(f"{name} training step", step, *seconds(training, with_theirs), "torch's Muon")
            line(f"{name} per-token losses", step, *seconds(losses, lens_losses), "TransformerLens")
            heads = model.arch.n_layers * model.arch.n_heads
            line(
                f"{name} all heads ablated, full",
                heads * step,
                *seconds(ablations, hooked_ablations),
                "TransformerLens hooks",
            )
        for size in (vocab_size, *VOCABULARIES):
            took = reading_cost(arch, size, n_ctx, circuits, cores)
            print(f"{name} circuits of a cell, vocabulary {size:<6,} {took:>9,.0f} s, estimated")
        torch.set_num_threads(cores)

"""Time the inner loops against the plain ways of doing the same, or queries over large tables."""

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from statistics import median

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Muon, Optimizer
from torch.utils.flop_counter import FlopCounterMode

from induction.cli import bench_gpu, bench_queries
from induction.config.circuits import CircuitSettings
from induction.config.losses import LossSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.train import TrainSettings
from induction.interp.ablation import ablated_nll
from induction.interp.circuits.edges import edges_of
from induction.interp.circuits.patching import clean_run
from induction.interp.circuits.token_circuits import Factored
from induction.interp.losses import token_nll
from induction.models.bridge import bridge
from induction.models.linear import Linear, linear, replace_linears
from induction.models.muon import CpuMuon
from induction.models.training import optimizers, set_gradients
from induction.models.transformer import Transformer
from induction.models.workers import A, B, Workers
from induction.report import query_times

ROUNDS = 5
# Sequences per training step and per batch of the plain ways, and those whose losses are measured.
BATCH = 8
EVALUATED = 32
# Other vocabularies, and the rows of a token circuit that are timed.
VOCABULARIES = (1_024, 50_000)
ROWS = 500
# Products per task where their rate is measured.
REPEATS = 20


def seconds(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[float, float]:
    """Medians over rounds that take turns, each after a run that is not counted: it meets caches
    and memory as the other left them."""

    def timed(work: Callable[[], object]) -> float:
        work()
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


def with_torchs_products(model: Transformer) -> Transformer:
    """A copy whose linear layers are torch's."""
    plain = copy.deepcopy(model)
    replace_linears(plain, Linear, nn.Linear)
    return plain


def with_torchs_attention(model: Transformer) -> Transformer:
    """A copy whose linear layers are torch's, and whose attention is its fused kernel."""

    def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    plain = with_torchs_products(model)
    for block in plain.layers:
        block.attn.z = fused
    return plain


class ThisThread(Workers):
    """Work where it is asked for: what counts operations sees those of its own thread alone."""

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        return [work(item) for item in items]

    def each(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        return map(work, items)


def multiplications(work: Callable[[], object]) -> int:
    """Floating-point operations of all matrix products of some work in this thread."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def product_rate(
    product: Callable[[Tensor, Tensor], Tensor], model: Transformer, workers: Workers, cores: int
) -> float:
    """Floating-point operations per second of fp32 products of a sequence with a layer's and the
    unembedding's matrices, with all cores at work."""
    x = torch.randn(model.n_ctx - 1, model.d_model)
    weights = [torch.randn(count, model.d_model) for count in (model.d_model, model.vocab_size)]

    def products(_: int) -> None:
        for _ in range(REPEATS):
            for weight in weights:
                product(x, weight)

    tasks = 4 * cores
    once, _ = seconds(lambda: workers.map(products, range(tasks)), lambda: None)
    return tasks * REPEATS * sum(2 * len(x) * weight.numel() for weight in weights) / once


def share_line(what: str, work: Callable[[], object], took: float, rate: float) -> None:
    """How much of the time that some work took its matrix products account for."""
    operations = multiplications(work)
    print(
        f"{what}: {operations / rate / took:.0%} of its time would do for its matrix products "
        f"({operations / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s)"
    )


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
@click.option("--gpu", is_flag=True, help="Measure the GPU instead: see docs/gpus.md.")
@click.option("--small", is_flag=True, help="Of --gpu: try it at tiny sizes, even on a CPU.")
@click.option("--queries", "is_of_queries", is_flag=True, help="The queries over the tables alone.")
@click.option("--rows", default=bench_queries.ROWS, help="Rows of losses, with --queries.")
def command(names: tuple[str, ...], gpu: bool, small: bool, is_of_queries: bool, rows: int) -> None:
    """Time the inner loops alone, on random weights and tokens at the size of the default study,
    for the models named; for all of params.yaml without a name.

    Each line compares our way with the plain way of doing the same, in one run, because machines
    differ and are shared: trust the ratio, not the rate. While others use the machine, trust
    neither: threads that share one operation wait for one another, so the plain way loses more.

    With --queries: how long each query of the report takes over the tables of the study, enlarged
    in .scratch/bench to 10⁸ rows of losses (0.4 GB); writes reports/query_times.json.
    """
    if gpu:
        bench_gpu.measure(small)
        return
    if is_of_queries:
        times = bench_queries.bench(rows)
        query_times.save(times)
        print(bench_queries.table(times))
        return
    params = Params()
    train = params.section("train", TrainSettings)
    models = params.sections("models", Architecture)
    circuits = params.section("circuits", CircuitSettings)
    n_ctx, vocab_size = params.integer("corpus.n_ctx"), params.integer("corpus.vocab_size")
    cores = torch.get_num_threads()
    batch = params.section("losses", LossSettings).batch
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, vocab_size, (EVALUATED, n_ctx), generator=rng)
    inputs, targets = tokens[:BATCH, :-1], tokens[:BATCH, 1:]
    print(
        f"{cores} cores, {n_ctx} tokens each: {BATCH} sequences in training, {EVALUATED} in "
        f"evaluation; vocabulary {vocab_size}"
    )
    for name in names:
        if name not in models:
            raise click.BadArgumentUsage(f"found {name!r}, expected one of {', '.join(models)}")
    for name in names or models:
        arch = models[name]
        model = Transformer(arch, vocab_size, n_ctx)
        model.init_weights(0)
        lens = bridge(with_torchs_products(model), name).eval()
        cpu = torch.device("cpu")
        with Workers(cpu) as workers, ThisThread(cpu) as this_thread:
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
                workers.map(lambda part: token_nll(model, part), tokens.split(batch))

            @torch.no_grad()
            def lens_losses(lens=lens) -> None:
                torch.set_num_threads(cores)
                for part in tokens.split(BATCH):
                    logits = lens(part[:, :-1])
                    F.cross_entropy(logits.transpose(1, 2), part[:, 1:], reduction="none")

            def ablations(model=model, workers=workers) -> None:
                torch.set_num_threads(1)
                workers.map(lambda part: ablated_nll(model, part, ("full",)), tokens.split(batch))

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
                        for part in tokens.split(BATCH):
                            logits = lens.run_with_hooks(part[:, :-1], fwd_hooks=[hook])
                            F.cross_entropy(logits.transpose(1, 2), part[:, 1:], reduction="none")

            step, evaluated = inputs.numel(), EVALUATED * (n_ctx - 1)
            took, plainly = seconds(training, plain_training)
            line(f"{name} training step", step, took, plainly, "one backward, fused AdamW")
            torch.set_num_threads(1)
            rate, mkls = (
                product_rate(product, model, workers, cores) for product in (linear, F.linear)
            )
            what = f"{name} products with weights"
            print(
                f"{what:<34} {rate / 1e9:>9,.0f} GFLOP/s {rate / mkls:4.1f} × torch's choice "
                f"({mkls / 1e9:,.0f})"
            )
            one_by_one = partial(
                training, workers=this_thread, steppers=optimizers(model, train, this_thread)
            )
            share_line(f"{name} training step", one_by_one, took, rate)
            if torchs:
                with_theirs = partial(training, steppers=torchs)
                line(f"{name} training step", step, *seconds(training, with_theirs), "torch's Muon")
            what, (took, plainly) = f"{name} per-token losses", seconds(losses, lens_losses)
            line(what, evaluated, took, plainly, "TransformerLens")
            share_line(what, partial(losses, workers=this_thread), took, rate)
            heads = model.arch.n_layers * model.arch.n_heads
            what = f"{name} all heads ablated, full"
            took, plainly = seconds(ablations, hooked_ablations)
            line(what, heads * evaluated, took, plainly, "TransformerLens hooks")
            share_line(what, partial(ablations, workers=this_thread), took, rate)
        for size in (vocab_size, *VOCABULARIES):
            took = reading_cost(arch, size, n_ctx, circuits, cores)
            print(f"{name} circuits of a cell, vocabulary {size:<6,} {took:>9,.0f} s, estimated")
        torch.set_num_threads(cores)

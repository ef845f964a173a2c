"""Floating-point operations of a model's matrix products, from its sizes alone.

A product of [a, b] and [b, c] is 2 a b c operations; norms, softmax and other elementwise work are
not counted. Every count is that of the code it names, exactly, as tests find by counting what runs
on a CPU (a GPU forms whole patterns); where it is not, its docstring says so. Imports no torch:
`induction study` asks before it begins.

`length` is a number of positions that a model reads, of one sequence. Letters in formulas:

    L   length                           w   n_heads d_head, the width of all queries
    d   d_model                          k   n_kv_heads d_head, of all keys
    V   rows of the unembedding          A   pairs of a query and a key: see `attended`
"""

from collections.abc import Collection
from dataclasses import dataclass

from induction.config.circuits import CircuitSettings
from induction.config.heads import HeadSettings
from induction.config.model import Architecture

# That of induction.models.attention, whose import would load torch.
BLOCK = 64
MUON_ITERATIONS = 5


def attended(length: int) -> int:
    """Pairs of a query and a key whose score is formed: every block of queries meets the keys up to
    its own end (`induction.models.attention`)."""
    blocks = [(first, min(length, first + BLOCK)) for first in range(0, length, BLOCK)]
    return sum((end - first) * end for first, end in blocks)


@dataclass(frozen=True)
class Sizes:
    """What decides about the matrix products of a model; `d_mlp` is 0 without MLPs.

    In a parallel layer the MLP does not read what attention writes; `mlp_matrices` are two, and
    three in a Llama. `vocab_size` counts the rows of the unembedding.
    """

    n_layers: int
    n_heads: int
    d_head: int
    d_model: int
    d_mlp: int
    vocab_size: int
    n_kv_heads: int
    mlp_matrices: int = 2
    is_parallel: bool = False
    smeared_keys: bool = False

    @classmethod
    def of(cls, arch: Architecture, vocab_size: int) -> "Sizes":
        return cls(
            arch.n_layers,
            arch.n_heads,
            arch.d_head,
            arch.d_model,
            arch.d_mlp if arch.mlp else 0,
            vocab_size,
            n_kv_heads=arch.n_heads,
            smeared_keys=arch.smeared_keys,
        )

    @property
    def width(self) -> int:
        return self.n_heads * self.d_head

    @property
    def heads(self) -> int:
        """Of all layers."""
        return self.n_layers * self.n_heads

    @property
    def pairs(self) -> int:
        """Of a head and a head of an earlier layer."""
        return self.n_heads**2 * self.n_layers * (self.n_layers - 1) // 2

    def _reads(self, length: int, queries: int, keys: int) -> int:
        """2 L d per column of so many matrices of queries or outputs, and of keys or values."""
        kv_width = self.n_kv_heads * self.d_head
        return 2 * length * self.d_model * (queries * self.width + keys * kv_width)

    def scores(self, length: int) -> int:
        """2 w A: a layer's queries with its keys, and its patterns with values in blocks."""
        return 2 * self.width * attended(length)

    def mlp(self, length: int) -> int:
        return 2 * length * self.mlp_matrices * self.d_model * self.d_mlp

    def layer(self, length: int) -> int:
        """4 L d (w + k) for the projections, 4 w A for attention, and the MLP."""
        return self._reads(length, 2, 2) + 2 * self.scores(length) + self.mlp(length)

    def unembedding(self, length: int) -> int:
        """2 L d V."""
        return 2 * length * self.d_model * self.vocab_size

    def forward(self, length: int) -> int:
        """A run with its losses (`interp.losses.token_nll`)."""
        return self.n_layers * self.layer(length) + self.unembedding(length)

    def step(self, batch: int, n_ctx: int, is_muon: bool) -> int:
        """A training step: each product has one gradient for either factor, so three times
        `forward`; and Muon, whose five iterations of an n × m matrix, n ≤ m, are 4 n² m + 2 n³
        each (`models.muon.orthogonalized`)."""
        n, m = sorted((self.d_model, self.d_mlp or 1))
        iteration = 4 * (4 * self.d_model**2 * self.width + 2 * self.d_model**3)
        iteration += self.mlp_matrices * (4 * n**2 * m + 2 * n**3) if self.d_mlp else 0
        muon = MUON_ITERATIONS * self.n_layers * iteration if is_muon else 0
        return 3 * batch * self.forward(n_ctx) + muon

    def ablated(self, length: int, modes: Collection[str]) -> int:
        """The whole model, then without each head in each mode (`interp.ablation.ablated_nll`).

        A head costs 2 L d d_head to take off the residual stream, the MLP of its layer, then in
        each mode all later layers and the unembedding; in the last layer the modes are one run.
        With patterns held fixed, a later layer needs no queries and keys, but the whole pattern
        mixes the values: 2 w L².
        """
        after = 0 if self.is_parallel else self.mlp(length)
        taken_off = self.heads * (2 * length * self.d_model * self.d_head + after)
        forced = self._reads(length, 1, 1) + 2 * self.width * length**2 + self.mlp(length)
        later = {"full": self.layer(length), "pattern": forced}
        later_layers = self.n_layers * (self.n_layers - 1) // 2  # than each layer, added up
        runs = len(modes) * (self.n_layers - 1) + 1  # of each of a layer's heads, over layers
        kept = (self.n_layers - 1) * self.scores(length) if "pattern" in modes else 0
        return (
            self.forward(length)
            + kept
            + taken_off
            + self.n_heads * later_layers * sum(later[mode] for mode in modes)
            + self.n_heads * runs * self.unembedding(length)
        )

    def head_outputs(self, length: int) -> int:
        """Up to what the last layer's heads mix (`interp.ablation.head_outputs`)."""
        last = self._reads(length, 1, 2) + 2 * self.scores(length)
        return (self.n_layers - 1) * self.layer(length) + last

    def patterns(self, length: int) -> int:
        """Up to the last layer's patterns (`interp.attention_scores.patterns`): patterns that are
        read are formed beside the attention of blocks."""
        last = self._reads(length, 1, 1)
        return (self.n_layers - 1) * self.layer(length) + last + self.n_layers * self.scores(length)

    def head_scores(self, settings: HeadSettings, n_ctx: int) -> int:
        """Stage `heads` at one checkpoint: its probes exactly; copying and products of weights
        nearly, because small ones, and decompositions, are left out."""
        block, repeats = settings.block, settings.repeats
        read = self.patterns(1 + block * repeats) + self.patterns(settings.longest)
        lengths = (
            repeats * (size + gap) for size in settings.lengths for gap in (0, settings.max_gap)
        )
        moved = self.n_heads * 2 * block * self.d_model * (self.d_head + block)
        copied = self.n_layers * (self.layer(block) + self.scores(block) + moved)
        probes = settings.sequences * (read + sum(map(self.forward, lengths)) + copied)
        gram = 2 * self.vocab_size * self.d_model**2
        head = 2 * self.d_model * self.d_head * (self.d_model + self.d_head)
        chance = 4 * settings.chance.draws * self.d_head**2
        pair = 6 * self.d_head**2 * (self.d_model + 2 * self.d_head) + chance
        weights = 2 * gram + 3 * self.heads * head + self.pairs * pair
        return probes + settings.text_sequences * self.patterns(n_ctx) + weights

    def edited(self, length: int) -> int:
        """A run with the patterns of a head or two edited, about: one layer's patterns are formed
        once more, and mix the values of two heads."""
        return self.forward(length) + self.scores(length) + 4 * length**2 * self.d_head

    def circuits(self, settings: CircuitSettings, lengths: tuple[int, int], probe: int) -> int:
        """Stage `circuits` at one checkpoint, about: token circuits, vocabulary × vocabulary, three
        times for each head and once for each edge; every edge cut, which runs half of the layers
        again; the direct path, and whole circuits, cut and kept, which half of the checkpoints
        have. `lengths` are those of a text, in whole and with a short context; `probe` tokens more
        are taken apart. What is read once per cell is not in it."""
        edges = self.pairs + (self.heads if self.smeared_keys else 0)
        tables = (3 * self.heads + edges) * 2 * self.vocab_size**2 * self.d_head
        total = tables + 2 * settings.sources * self.vocab_size * self.d_model
        for length in lengths:
            written = self.n_layers * 2 * length * self.d_model * self.width
            clean = self.forward(length) + written
            cut = self.unembedding(length) + max(1, self.n_layers // 2) * self.layer(length)
            whole = clean + len(settings.replacements) * (self.unembedding(length) + cut)
            orders = (self.n_layers + 1) * self.forward(length)
            total += settings.sequences * (clean + edges * cut + orders)
            total += settings.trial_sequences * whole
        taken_apart = self.forward(1) + (self.n_layers + 1) * self.unembedding(1)
        return total + taken_apart * (settings.sequences * lengths[0] + probe)

"""The six signals of a phase change, as curves over checkpoints (Olsson et al. 2022, Argument 1).

Each is turned so that the change is a rise. Curves are [draw, step]: draw 0 is the curve itself,
the others its bootstrap resamples, of sequences and the same ones at every checkpoint. A signal
that a cell has not is `Missing`, and says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from induction.config.cells import Cell
from induction.config.model import Architecture
from induction.stats.bootstrap import draws

SIGNALS = ("ab", "icl", "loss_bump", "pca_turn", "prefix_matching", "qk_trace")


@dataclass(frozen=True)
class Missing:
    """A signal that is not defined, with the reason."""

    reason: str


@dataclass(frozen=True)
class Measured:
    """What the signals of one cell are made of, at its checkpoints `step`.

    `icl` is early minus late, so that it rises; `sampled` are the loss vectors, `whole` those of
    the sequences that ablations are made on, and `removed` what removing each head adds to them.
    """

    steps: Int[np.ndarray, "step"]
    icl: Float[np.ndarray, "seq step"]
    loss: Float[np.ndarray, "seq step"]
    sampled: Float[np.ndarray, "step seq"]
    prefix_matching: Float[np.ndarray, "step layer head probe"]
    qk_positivity: Float[np.ndarray, "step layer head"]
    whole: Float[np.ndarray, "step ablated"]
    removed: Float[np.ndarray, "step heads ablated"]


def curves_of(
    own: Measured,
    control: Measured | Missing,
    window: tuple[int, int] | Missing,
    axes: tuple[Float[np.ndarray, "seq"], Float[np.ndarray, "component seq"]] | None,
    weights: Callable[[int], Float[np.ndarray, "draw _"]],
) -> dict[str, Float[np.ndarray, "draw step"] | Missing]:
    """Every signal of a cell.

    `window` is that of its ICL, by index, `axes` what `plane` finds (None if no cell has a
    control), and `weights` the resamples of so many sequences.
    """
    matching = own.prefix_matching
    merged = matching.reshape(len(matching), -1, matching.shape[-1])
    whole = weights(own.icl.shape[0])
    missing = control if isinstance(control, Missing) else None
    return {
        "ab": window
        if isinstance(window, Missing)
        else undone(own.whole, own.removed, window, weights(own.whole.shape[1])),
        "icl": means(own.icl, whole),
        "loss_bump": missing or loss_bump(own.loss, control.loss, whole),
        "pca_turn": missing
        or pca_turn(path(own.sampled, *axes, whole), path(control.sampled, *axes, whole)),
        "prefix_matching": prefix_matching(merged, weights(matching.shape[-1])),
        "qk_trace": qk_trace(own.qk_positivity, matching.mean(axis=-1)),
    }


def resamples(n_seq: int, n_draws: int, seed: int) -> Float[np.ndarray, "draw seq"]:
    """How often each sequence counts in each draw: in draw 0 once, then as in lib/bootstrap."""
    found = draws(n_seq, n_draws, seed)
    weights = np.zeros((1 + n_draws, n_seq))
    weights[0] = 1
    weights[1 + found["draw"].to_numpy(), found["seq"].to_numpy()] = found["weight"].to_numpy()
    return weights


def means(
    values: Float[np.ndarray, "seq step"], weights: Float[np.ndarray, "draw seq"]
) -> Float[np.ndarray, "draw step"]:
    """The mean over sequences: of -ICL for signal icl, which rises as ICL falls."""
    return weights @ values / weights.shape[1]


def prefix_matching(
    scores: Float[np.ndarray, "step head seq"], weights: Float[np.ndarray, "draw seq"]
) -> Float[np.ndarray, "draw step"]:
    """The prefix-matching score of the best head of each checkpoint (claim 4).

    `head` counts the heads of all layers. Each resample has a best head of its own.
    """
    n_step, n_head, n_seq = scores.shape
    found = scores.reshape(n_step * n_head, n_seq) @ weights.T / n_seq
    return found.reshape(n_step, n_head, -1).max(axis=1).T


def qk_trace(
    positivity: Float[np.ndarray, "step layer head"],
    matching: Float[np.ndarray, "step layer head"],
) -> Float[np.ndarray, "1 step"] | Missing:
    """QK positivity of the head that has the best prefix matching at the end (claim 18).

    Heads of the first layer compose with none, and are passed over. Of weights: no resamples.
    """
    if positivity.shape[1] == 1:
        return Missing("one layer: no earlier head to compose with")
    best = matching[-1, 1:].argmax()
    return positivity[:, 1:].reshape(len(positivity), -1)[None, :, best]


def undone(
    whole: Float[np.ndarray, "step seq"],
    change: Float[np.ndarray, "step head seq"],
    window: tuple[int, int],
    weights: Float[np.ndarray, "draw seq"],
) -> Float[np.ndarray, "draw step"] | Missing:
    """The share of the change that removing a head undoes: signal ab (claim 16; View A).

    `whole` are the model's loss vectors, `change` what removing each head adds to them, `window`
    the checkpoints (by index) before and after. With b the change of the loss vector over the
    window and a a head's `change`, it is -a·b / |b|²: 1 where removing the head brings the losses
    back to what they were. The paper takes b of unit length; dividing by its square instead makes
    the number a share. Of the head for which it is largest at the end, also in resamples.
    """
    first, last = window
    b = whole[last] - whole[first]
    if not b.any():
        return Missing("no loss changes in the window of ICL")
    products = -change * b
    best = products[-1].sum(axis=1).argmax()
    # A resample may hold nothing but sequences whose loss stays: nothing changes there.
    squares = np.broadcast_to((weights @ b**2)[:, None], (len(weights), len(whole)))
    found = weights @ products[:, best].T
    return np.divide(found, squares, out=np.zeros_like(found), where=squares > 0)


def loss_bump(
    own: Float[np.ndarray, "seq step"],
    control: Float[np.ndarray, "seq step"],
    weights: Float[np.ndarray, "draw seq"],
) -> Float[np.ndarray, "draw step"]:
    """By how much the loss lies below the one-layer control's, in nats (claim 5).

    Sequences are paired: the same ones for both, so what is hard for both cancels.
    """
    return means(control - own, weights)


def plane(
    vectors: Float[np.ndarray, "row seq"],
) -> tuple[Float[np.ndarray, "seq"], Float[np.ndarray, "component seq"]]:
    """The centre and the first two principal axes of loss vectors (§ Per-Token Loss Analysis).

    As lib/pca.py has them, up to sign, which no distance sees. One axis if there are only two rows.
    """
    centre = vectors.mean(axis=0)
    return centre, np.linalg.svd(vectors - centre, full_matrices=False)[2][:2]


def path(
    vectors: Float[np.ndarray, "step seq"],
    centre: Float[np.ndarray, "seq"],
    axes: Float[np.ndarray, "component seq"],
    weights: Float[np.ndarray, "draw seq"],
) -> Float[np.ndarray, "draw step component"]:
    """A cell's loss vectors in a plane, in nats; draws keep the axes and re-weight sequences."""
    terms = (vectors - centre)[:, None, :] * axes
    found = weights @ terms.reshape(-1, terms.shape[-1]).T
    return found.reshape(len(weights), len(vectors), len(axes))


def pca_turn(
    own: Float[np.ndarray, "draw step component"],
    control: Float[np.ndarray, "draw point component"],
) -> Float[np.ndarray, "draw step"] | Missing:
    """How far a cell's path lies off the one-layer control's, in lengths of that path (claim 6).

    The distance of each checkpoint from the nearest point of the line through the control's
    checkpoints: it stays zero while a cell goes the same way, however fast, and rises when it
    turns away.
    """
    length = np.linalg.norm(np.diff(control, axis=1), axis=2).sum(axis=1)
    if not length[0] > 0:
        return Missing("the losses of its one-layer control never change")
    nearest = np.full(own.shape[:2], np.inf)
    # One segment after the other: all at once would be draws × checkpoints² numbers.
    for start, end in zip(
        control[:, :-1].swapaxes(0, 1), control[:, 1:].swapaxes(0, 1), strict=True
    ):
        along = (end - start)[:, None]
        square = (along**2).sum(axis=2)
        offset = own - start[:, None]
        reach = (offset * along).sum(axis=2)
        share = np.divide(reach, square, out=np.zeros_like(reach), where=square > 0).clip(0, 1)
        off = ((offset - share[:, :, None] * along) ** 2).sum(axis=2)
        np.minimum(nearest, off, out=nearest)
    across = np.broadcast_to(length[:, None], nearest.shape)
    return np.divide(np.sqrt(nearest), across, out=np.zeros_like(nearest), where=across > 0)


def control_of(name: str, cells: dict[str, Cell], models: dict[str, Architecture]) -> str | Missing:
    """The one-layer control of the cell `name`: another of `cells`, of the same seed and training.

    Its model is what is left of the cell's without further layers, MLPs and smeared keys. Where
    anything else differed too, positions or the optimiser, the difference would not be the layers'.
    """
    own, wanted = cells[name], one_plain_layer(models[cells[name].model])
    if not own.is_on_its_text:
        return Missing("reads another text than the study's own")
    if is_plain_layer(models[own.model]):
        return Missing("is a one-layer control itself")
    for other, cell in sorted(cells.items()):
        model = models[cell.model]
        alike = (cell.seed, cell.corpus, cell.train) == (own.seed, own.corpus, own.train)
        if alike and is_plain_layer(model) and one_plain_layer(model) == wanted:
            return other
    return Missing(f"no one-layer control of seed {own.seed} with its positions and training")


def is_plain_layer(model: Architecture) -> bool:
    """Whether it is one layer of attention, which cannot form an induction head."""
    return model.n_layers == 1 and not model.mlp and not model.smeared_keys


def one_plain_layer(model: Architecture) -> Architecture:
    """The architecture reduced to one layer of attention; what that does not use is zero."""
    init = replace(model.init, smear_gate=0.0)
    return replace(model, n_layers=1, mlp=False, d_mlp=0, smeared_keys=False, init=init)

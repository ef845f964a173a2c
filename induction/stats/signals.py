"""The six signals of a phase change, as curves over checkpoints (Olsson et al. 2022, Argument 1).

Each is signed so that the change is a rise. Curves are [draw, step]: draw 0 is the curve itself,
the others its bootstrap resamples, of sequences and the same ones at every checkpoint. A signal
that a cell does not have is `Undefined`, with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from induction.config.cells import Cell
from induction.config.model import Architecture

SIGNALS = ("ab", "icl", "loss_bump", "pca_turn", "prefix_matching", "qk_trace")


@dataclass(frozen=True)
class Undefined:
    """Stands for what a cell does not have: a signal, a control, a window."""

    reason: str


@dataclass(frozen=True)
class Measurements:
    """What the signals of one cell are made of, at its checkpoints `steps`.

    `icl` is the matched score turned, so that it rises; `loss_vectors` has the loss at one position
    of every sequence; `unablated` is the same for the sequences that ablations are made on, and
    `ablation_effects` is what removing each head adds to that.
    """

    steps: Int[np.ndarray, "step"]
    icl: Float[np.ndarray, "seq step"]
    loss: Float[np.ndarray, "seq step"]
    loss_vectors: Float[np.ndarray, "step seq"]
    prefix_matching: Float[np.ndarray, "step layer head probe"]
    qk_positivity: Float[np.ndarray, "step layer head"]
    unablated: Float[np.ndarray, "step ablated"]
    ablation_effects: Float[np.ndarray, "step heads ablated"]


class Plane(NamedTuple):
    """The centre of loss vectors and their first principal axes."""

    centre: Float[np.ndarray, "seq"]
    axes: Float[np.ndarray, "component seq"]


def signal_curves(
    cell: Measurements,
    control: Measurements | Undefined,
    window: tuple[int, int] | Undefined,
    plane: Plane | None,
    weights: Callable[[int], Float[np.ndarray, "draw _"]],
) -> dict[str, Float[np.ndarray, "draw step"] | Undefined]:
    """Every signal of a cell.

    `window` are the checkpoints, by index, between which ICL changes; `plane` is that of all loss
    vectors, None if there is no control either; `weights` resamples so many sequences.
    """
    matching = cell.prefix_matching
    merged = matching.reshape(len(matching), -1, matching.shape[-1])
    sequences = weights(cell.icl.shape[0])
    if isinstance(window, Undefined):
        ab = window
    else:
        n_ablated = cell.unablated.shape[1]
        ab = share_undone(cell.unablated, cell.ablation_effects, window, weights(n_ablated))
    if isinstance(control, Undefined):
        bump = turn = control
    else:
        assert plane is not None, "a control is on the study's own text, and so are its vectors"
        bump = loss_bump(cell.loss, control.loss, sequences)
        turn = pca_turn(
            path_in_plane(cell.loss_vectors, plane, sequences),
            path_in_plane(control.loss_vectors, plane, sequences),
        )
    return {
        "ab": ab,
        "icl": means(cell.icl, sequences),
        "loss_bump": bump,
        "pca_turn": turn,
        "prefix_matching": prefix_matching(merged, weights(matching.shape[-1])),
        "qk_trace": qk_trace(cell.qk_positivity, matching.mean(axis=-1)),
    }


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
    resampled = scores.reshape(n_step * n_head, n_seq) @ weights.T / n_seq
    return resampled.reshape(n_step, n_head, -1).max(axis=1).T


def qk_trace(
    positivity: Float[np.ndarray, "step layer head"], matching: Float[np.ndarray, "step layer head"]
) -> Float[np.ndarray, "1 step"] | Undefined:
    """QK positivity of the head that has the best prefix matching at the end (claim 18).

    Heads of the first layer have no earlier head to compose with, and are left out. The weights
    have no sequences to resample: one draw.
    """
    if positivity.shape[1] == 1:
        return Undefined("one layer: no earlier head to compose with")
    best = matching[-1, 1:].argmax()
    return positivity[:, 1:].reshape(len(positivity), -1)[None, :, best]


def share_undone(
    unablated: Float[np.ndarray, "step seq"],
    effects: Float[np.ndarray, "step head seq"],
    window: tuple[int, int],
    weights: Float[np.ndarray, "draw seq"],
) -> Float[np.ndarray, "draw step"] | Undefined:
    """The share of the change that removing a head undoes: signal ab (claim 16; View A).

    With b the change of the loss vector between the checkpoints of `window` (indices) and a what
    removing a head adds to it, this is -a·b / |b|²: 1 where removing the head brings the losses
    back to what they were. The paper takes b of unit length; dividing by its square instead makes
    the number a share. The head is the one for which it is largest at the end, in resamples too.
    """
    first, last = window
    b = unablated[last] - unablated[first]
    if not b.any():
        return Undefined("no loss changes in the window of ICL")
    products = -effects * b
    best = products[-1].sum(axis=1).argmax()
    # A resample may hold nothing but sequences whose loss stays: nothing changes there.
    squares = np.broadcast_to((weights @ b**2)[:, None], (len(weights), len(unablated)))
    undone = weights @ products[:, best].T
    return np.divide(undone, squares, out=np.zeros_like(undone), where=squares > 0)


def loss_bump(
    loss: Float[np.ndarray, "seq step"],
    control: Float[np.ndarray, "seq step"],
    weights: Float[np.ndarray, "draw seq"],
) -> Float[np.ndarray, "draw step"]:
    """By how much the loss lies below the one-layer control's, in nats (claim 5).

    Sequences are paired: the same ones for both, so what is hard for both cancels.
    """
    return means(control - loss, weights)


def principal_plane(vectors: Float[np.ndarray, "row seq"]) -> Plane:
    """The centre and the first two principal axes of loss vectors (§ Per-Token Loss Analysis).

    As joint_pca has them, up to sign, which no distance sees. One axis if there are only two rows.
    """
    centre = vectors.mean(axis=0)
    return Plane(centre, np.linalg.svd(vectors - centre, full_matrices=False)[2][:2])


def path_in_plane(
    vectors: Float[np.ndarray, "step seq"], plane: Plane, weights: Float[np.ndarray, "draw seq"]
) -> Float[np.ndarray, "draw step component"]:
    """A cell's loss vectors in a plane, in nats; draws keep the axes and re-weight sequences."""
    terms = (vectors - plane.centre)[:, None, :] * plane.axes
    scores = weights @ terms.reshape(-1, terms.shape[-1]).T
    return scores.reshape(len(weights), len(vectors), len(plane.axes))


def pca_turn(
    path: Float[np.ndarray, "draw step component"],
    control: Float[np.ndarray, "draw point component"],
) -> Float[np.ndarray, "draw step"] | Undefined:
    """How far a cell's path lies off the one-layer control's, in lengths of that path (claim 6).

    The distance of each checkpoint from the nearest point of the line through the control's
    checkpoints: it stays zero while a cell goes the same way, however fast, and rises when it
    turns away.
    """
    length = np.linalg.norm(np.diff(control, axis=1), axis=2).sum(axis=1)
    if not length[0] > 0:
        return Undefined("the losses of its one-layer control never change")
    nearest = np.full(path.shape[:2], np.inf)
    # One segment after the other: all at once would be draws × checkpoints² numbers.
    for start, end in zip(
        control[:, :-1].swapaxes(0, 1), control[:, 1:].swapaxes(0, 1), strict=True
    ):
        along = (end - start)[:, None]
        square = (along**2).sum(axis=2)
        offset = path - start[:, None]
        reach = (offset * along).sum(axis=2)
        share = np.divide(reach, square, out=np.zeros_like(reach), where=square > 0).clip(0, 1)
        off = ((offset - share[:, :, None] * along) ** 2).sum(axis=2)
        np.minimum(nearest, off, out=nearest)
    across = np.broadcast_to(length[:, None], nearest.shape)
    return np.divide(np.sqrt(nearest), across, out=np.zeros_like(nearest), where=across > 0)


def find_control(
    name: str, cells: dict[str, Cell], models: dict[str, Architecture]
) -> str | Undefined:
    """The one-layer control of the cell `name`: another of `cells`, of the same seed and training.

    Its model is what is left of the cell's without further layers, MLPs and smeared keys. Where
    anything else differed too, positions or the optimiser, the difference would not be the layers'.
    """
    cell = cells[name]
    if cell.suite:
        return Undefined("a suite of foreign checkpoints has no one-layer control")
    model = models[cell.model]
    if not cell.is_on_its_text:
        return Undefined("reads another text than the study's own")
    if model.family == "one_layer":
        return Undefined("is a one-layer control itself")
    for other_name, other in sorted(cells.items()):
        reduced = models[other.model]
        alike = (other.seed, other.corpus, other.train) == (cell.seed, cell.corpus, cell.train)
        is_one_layer = reduced.family == "one_layer"
        if alike and is_one_layer and reduced.one_layer_control == model.one_layer_control:
            return other_name
    return Undefined(f"no one-layer control of seed {cell.seed} with its positions and training")

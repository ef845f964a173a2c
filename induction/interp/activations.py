"""The forward pass, layer by layer: read any activation, edit any head, resume at any layer.

    edits = {Site("z", 0, 2): 0.0, Site("pattern", 1, 1): lambda pattern: pattern.roll(1, -1)}
    patterns = [layer.pattern for layer in layers(model, model.embedding(tokens), edits=edits)]

An activation is computed when it is first read and kept with its `Layer`; what nobody reads is
never computed. Patterns are formed only for heads whose pattern is edited. Names are those of
TransformerLens, but `q` and `k` are what attention reads: after positions and smearing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from induction.models.foreign import ForeignBlock
from induction.models.model import Block, Model

Head = tuple[int, int]  # layer, head of the layer
T = TypeVar("T")
Resid = Float[Tensor, "batch pos d_model"]
PerHead = Float[Tensor, "batch head pos d_head"]


class Site(NamedTuple):
    """Where a forward pass is edited.

    name                         value at the site
    q_input, k_input, v_input    [batch, pos, d_model]: the residual stream, before `ln1`, that the
                                 head's queries, keys or values read (path patching)
    smear_gate                   [head]: the gates of the layer; with +inf, the head's keys are
                                 not smeared
    pattern                      [batch, query, key]
    z                            [batch, pos, d_head]

    `pattern` and `z` can be edited in all heads at once, with `head` None and an axis `head` after
    `batch`.
    """

    name: Literal["q_input", "k_input", "v_input", "smear_gate", "pattern", "z"]
    layer: int
    head: int | None = None


# What replaces the value at a site, or a function from that value to its replacement.
Edit = Tensor | float | Callable[[Tensor], Tensor]
Edits = Mapping[Site, Edit]


class once(Generic[T]):
    """A property that is computed when first read.

    `functools.cached_property` of Python 3.11 holds one lock for all instances: threads that run
    models side by side would wait for one another.
    """

    def __init__(self, compute: Callable[[Any], T]):
        self.compute = compute

    def __get__(self, layer: Any, owner: type) -> T:
        value = layer.__dict__[self.compute.__name__] = self.compute(layer)
        return value


class Layer:
    """One layer over one residual stream, under the edits that concern it.

    Inherits the gradient mode of whoever reads an activation first.
    """

    def __init__(self, model: Model, index: int, resid_pre: Resid, edits: Edits | None = None):
        for site in edits or {}:
            if not 0 <= site.layer < len(model.layers):
                raise ValueError(f"{site}: the model has layers 0 … {len(model.layers) - 1}")
            if site.head is None and site.name not in ("pattern", "z"):
                raise ValueError(f"{site}: expected a head; only pattern and z have a whole layer")
        self.model, self.index, self.resid_pre = model, index, resid_pre
        self.block = model.layers[index]
        self.edits = {site: edit for site, edit in (edits or {}).items() if site.layer == index}

    def with_edits(self, edits: Edits) -> "Layer":
        """The same layer over the same stream under other edits; what was computed without edits
        is shared."""
        layer = Layer(self.model, self.index, self.resid_pre, edits)
        unedited = ("_qk", "_v", "_z", "parallel_mlp_out")
        layer.__dict__ |= {name: self.__dict__[name] for name in unedited if name in self.__dict__}
        return layer

    @once
    def _x(self) -> Tensor:
        return self.block.ln1(self.resid_pre)

    @once
    def _qk(self) -> tuple[Tensor, Tensor]:
        return self.block.attn.qk(self._x)

    @once
    def _v(self) -> Tensor:
        return self.block.attn.values(self._x)

    @once
    def _z(self) -> Tensor:
        return self.block.attn.z(*self._qk, self._v)

    @once
    def q(self) -> PerHead:
        return self._read(self._qk[0], "q_input", lambda x, gate: self.block.attn.qk(x, gate)[0])

    @once
    def k(self) -> PerHead:
        return self._read(self._qk[1], "k_input", lambda x, gate: self.block.attn.qk(x, gate)[1])

    @once
    def v(self) -> PerHead:
        return self._read(self._v, "v_input", lambda x, gate: self.block.attn.values(x))

    @once
    def _pattern(self) -> Tensor:
        return self.block.attn.pattern(self.q, self.k)

    @once
    def pattern(self) -> Float[Tensor, "batch head query key"]:
        forced = self.edits.get(Site("pattern", self.index))
        return forced if isinstance(forced, Tensor) else self._edited("pattern", self._pattern)

    @once
    def z(self) -> PerHead:
        if Site("pattern", self.index) in self.edits:
            return self._edited("z", self.pattern @ self.v)
        # Unedited heads keep the bits of attention over all heads.
        changed = {site.head for site in self.edits if site.name != "z"}
        z = self._z.clone() if changed else self._z
        for head in changed:
            if (edit := self.edits.get(Site("pattern", self.index, head))) is not None:
                z[:, head] = _edited(edit, self._pattern[:, head]) @ self.v[:, head]
            else:
                q, k, v = (each[:, head] for each in (self.q, self.k, self.v))
                z[:, head] = self.block.attn.z(q, k, v)
        return self._edited("z", z)

    @once
    def result(self) -> Float[Tensor, "head batch pos d_model"]:
        """What every head writes."""
        heads = range(self.z.shape[1])
        return torch.stack([self.block.attn.head_out(self.z, head) for head in heads])

    @once
    def resid_mid(self) -> Resid:
        return self.resid_pre + self.block.attn.out(self.z)

    @once
    def resid_post(self) -> Resid:
        return after_attention(self.block, self.resid_mid, self.parallel_mlp_out)

    @once
    def parallel_mlp_out(self) -> Resid | None:
        """What the MLP writes where it does not read what attention writes; None elsewhere."""
        block = self.block
        if isinstance(block, ForeignBlock) and block.is_parallel:
            return block.mlp_out(self.resid_pre)
        return None

    @once
    def mlp_out(self) -> Resid:
        """Zero in an attention-only model."""
        return self.resid_post - self.resid_mid

    def _read(
        self,
        value: Tensor,
        site: Literal["q_input", "k_input", "v_input"],
        project: Callable[[Tensor, Tensor | None], Tensor],
    ) -> Tensor:
        """Queries, keys or values of all heads, projected again in heads whose input is edited."""
        names = (site, "smear_gate") if site == "k_input" else (site,)
        heads = {edited.head for edited in self.edits if edited.name in names}
        value = value.clone() if heads else value
        for head in heads:
            resid = _edited(self.edits.get(Site(site, self.index, head)), self.resid_pre)
            gate = self.edits.get(Site("smear_gate", self.index, head))
            gates = None if gate is None else _edited(gate, self.block.attn.smear_gate)
            value[:, head] = project(self.block.ln1(resid), gates)[:, head]
        return value

    def _edited(self, name: Literal["pattern", "z"], value: Tensor) -> Tensor:
        edits = {site.head: edit for site, edit in self.edits.items() if site.name == name}
        value = value.clone() if edits else value
        for head, edit in edits.items():
            part = slice(None) if head is None else head
            value[:, part] = _edited(edit, value[:, part])
        return value


def _edited(edit: Edit | None, value: Tensor) -> Tensor:
    if edit is None:
        return value
    if isinstance(edit, Tensor):
        return edit
    return edit(value) if callable(edit) else torch.full_like(value, edit)


def after_attention(block: Block, resid_mid: Resid, parallel_mlp_out: Resid | None) -> Resid:
    """`resid_post` of a layer from its `resid_mid`: without running a parallel MLP again."""
    if parallel_mlp_out is not None:
        return resid_mid + parallel_mlp_out
    return block.after_attention(resid_mid)


def layers(
    model: Model, resid: Resid, start: int = 0, edits: Edits | None = None
) -> Iterator[Layer]:
    """The layers of `model` from `start` on, whose `resid_pre` is `resid`, one after the other.

    From layer 0, `resid` is `model.embedding(tokens)`. A layer's edits are applied when its
    activations are first read, so that they may use what earlier layers of this pass computed.
    """
    layer = None
    for index in range(start, len(model.layers)):
        layer = Layer(model, index, layer.resid_post if layer else resid, edits)
        yield layer


def final_resid(model: Model, resid: Resid, start: int = 0, edits: Edits | None = None) -> Resid:
    """The residual stream after the last layer, before `ln_out`; `resid` itself if `start` is the
    number of layers."""
    for layer in layers(model, resid, start, edits):
        resid = layer.resid_post
    return resid

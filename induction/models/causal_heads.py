"""What the attention of our models and of those of others have in common: all but their queries,
keys and values."""

from jaxtyping import Float
from torch import Tensor, nn

from induction.models.attention import causal_attention, causal_pattern
from induction.models.linear import linear


class CausalHeads(nn.Module):
    """Heads that stand side by side in the rows of `q` and in the columns of `o`."""

    q: nn.Linear
    k: nn.Linear
    v: nn.Linear
    o: nn.Linear
    d_head: int

    def _heads(self, x: Float[Tensor, "batch pos width"]) -> Float[Tensor, "batch _ pos d_head"]:
        return x.unflatten(-1, (-1, self.d_head)).transpose(1, 2)

    def pattern(
        self, q: Float[Tensor, "batch head pos d_head"], k: Float[Tensor, "batch head pos d_head"]
    ) -> Float[Tensor, "batch head query key"]:
        """Attention patterns: softmax(q k^T / sqrt(d_head)), causal; rows sum to one."""
        return causal_pattern(q, k)

    def z(
        self,
        q: Float[Tensor, "batch *head pos d_head"],
        k: Float[Tensor, "batch *head pos d_head"],
        v: Float[Tensor, "batch *head pos d_head"],
    ) -> Float[Tensor, "batch *head pos d_head"]:
        """Mixed values before W_O (`hook_z`); the whole pattern is never formed."""
        return causal_attention(q, k, v)

    def out(self, z: Float[Tensor, "batch head pos d_head"]) -> Float[Tensor, "batch pos d_model"]:
        return self.o(z.transpose(1, 2).flatten(2))

    def head_out(
        self, z: Float[Tensor, "batch head pos d_head"], head: int
    ) -> Float[Tensor, "batch pos d_model"]:
        """One head's output, z_h W_O[h]; subtracting it from the residual ablates the head. A bias
        of the layer's output belongs to no head."""
        columns = slice(head * self.d_head, (head + 1) * self.d_head)
        return linear(z[:, head], self.o.weight[:, columns])

    @property
    def W_O(self) -> Float[Tensor, "head d_head d_model"]:
        return self.o.weight.mT.unflatten(0, (-1, self.d_head))

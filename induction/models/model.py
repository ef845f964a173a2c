"""What the instruments of `induction.interp` work on: a model of ours, or one of others.

Both offer their sizes (`n_layers`, `n_heads`, `d_model`, `d_head`, `vocab_size`, `n_ctx`), their
`embedding`, their `layers`, `ln_out` and `head`. A layer has `ln1`, `attn` and
`after_attention` (a parallel one, of GPT-NeoX, `mlp_out`); `attn` has `qk`, `values`, `pattern`,
`z`, `out`, `head_out`, and W_Q, W_K, W_V and W_O of every head.
"""

from induction.models.foreign import ForeignBlock, ForeignModel
from induction.models.transformer import Block as OurBlock
from induction.models.transformer import Transformer

Block = OurBlock | ForeignBlock
Model = Transformer | ForeignModel

"""Models of ours in the formats of others, with the same numbers."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from induction.models.transformer import Transformer


@torch.no_grad()
def as_gpt2(model: Transformer) -> GPT2LMHeadModel:
    """A model with learned positions in GPT-2's format.

    GPT-2 stores q, k and v side by side and transposed, has biases everywhere, and an MLP in every
    layer: without one of ours, the MLP reads at random and writes nothing.
    """
    arch = model.arch
    assert arch.positions == "learned" and not arch.smeared_keys
    config = GPT2Config(
        vocab_size=model.vocab_size,
        n_positions=model.n_ctx,
        n_embd=arch.d_model,
        n_layer=arch.n_layers,
        n_head=arch.n_heads,
        n_inner=arch.d_mlp,
        activation_function="gelu",
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    theirs = GPT2LMHeadModel(config).eval()
    body = theirs.transformer
    body.wte.weight.copy_(model.tok_embed.weight)
    body.wpe.weight.copy_(model.pos.weight)
    theirs.lm_head.weight.copy_(model.head.weight)
    body.ln_f.load_state_dict(model.ln_out.state_dict())
    for block, layer in zip(model.layers, body.h, strict=True):
        attn = block.attn
        layer.attn.c_attn.weight.copy_(torch.cat([attn.q.weight, attn.k.weight, attn.v.weight]).T)
        layer.attn.c_proj.weight.copy_(attn.o.weight.T)
        layer.attn.c_attn.bias.zero_()
        layer.attn.c_proj.bias.zero_()
        layer.ln_1.load_state_dict(block.ln1.state_dict())
        if arch.mlp:
            layer.ln_2.load_state_dict(block.ln2.state_dict())
            for ours, conv in ((block.mlp.fc_in, layer.mlp.c_fc),
                               (block.mlp.fc_out, layer.mlp.c_proj)):  # fmt: skip
                conv.weight.copy_(ours.weight.T)
                conv.bias.copy_(ours.bias)
        else:
            layer.mlp.c_proj.weight.zero_()
            layer.mlp.c_proj.bias.zero_()
    return theirs

"""Random models of others' architectures, of every kind that the instruments must read."""

from pathlib import Path

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from induction.text.tokenizer import END_OF_TEXT, train_tokenizer

VOCAB, N_CTX = 60, 40
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
SIZES |= {"intermediate_size": 48, "vocab_size": VOCAB, "max_position_embeddings": N_CTX}
GPT2_SIZES = {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": VOCAB, "n_positions": N_CTX}

# The architecture, and its settings beside the sizes.
KINDS = {
    "neox parallel": (GPTNeoXConfig, {"use_parallel_residual": True, "rotary_pct": 0.25}),
    "neox sequential": (GPTNeoXConfig, {"use_parallel_residual": False, "rotary_pct": 1.0}),
    "gpt2": (GPT2Config, {"tie_word_embeddings": False}),
    "gpt2 of stanford-crfm": (
        GPT2Config,
        {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
    ),
    "llama with grouped queries": (LlamaConfig, {"num_key_value_heads": 2}),
    "llama with tied embeddings": (
        LlamaConfig,
        {"num_key_value_heads": 1, "tie_word_embeddings": True, "attention_bias": True},
    ),
}
MODELS = {
    GPTNeoXConfig: GPTNeoXForCausalLM,
    GPT2Config: GPT2LMHeadModel,
    LlamaConfig: LlamaForCausalLM,
}


def random_foreign(kind: str, seed: int = 0, **changed) -> PreTrainedModel:
    """Weights large enough that every head matters, biases and gains included."""
    config, settings = KINDS[kind]
    sizes = GPT2_SIZES if config is GPT2Config else SIZES
    model = MODELS[config](config(**(sizes | settings | changed), attn_implementation="eager"))
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=rng)
            is_gain = weight.ndim == 1 and name.endswith("weight")
            weight.copy_(1 + 0.2 * noise if is_gain else 0.12 * noise)
    return model.eval()


def save_tokenizer(folder: Path, texts: tuple[str, ...] = ("a word and another",), size: int = 260):
    """A byte-level BPE, as a folder of `transformers` has it."""
    tokenizer = train_tokenizer([*texts], size)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END_OF_TEXT).save_pretrained(
        folder
    )
    return tokenizer

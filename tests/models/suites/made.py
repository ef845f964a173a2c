"""Small random checkpoints of every kind, and suites that name them."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from induction.config.strict import parse
from induction.config.suites import Suite

VOCAB, N_CTX = 320, 32
OUTSIDE: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None}
NEOX: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": N_CTX,
    **OUTSIDE,
}
GPT2: dict[str, Any] = {
    "vocab_size": VOCAB,
    "n_positions": N_CTX,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    **OUTSIDE,
}
LLAMA: dict[str, Any] = {**NEOX, "num_attention_heads": 4, "num_key_value_heads": 2}
CONFIGS = {
    "neox": GPTNeoXConfig(**NEOX),
    "neox sequential": GPTNeoXConfig(**NEOX, use_parallel_residual=False),
    "gpt2": GPT2Config(**GPT2),
    "gpt2 mistral": GPT2Config(
        **GPT2, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True
    ),
    "llama": LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True),
    "llama tied": LlamaConfig(**LLAMA, tie_word_embeddings=True),
}
KINDS = {"gpt_neox": GPTNeoXForCausalLM, "gpt2": GPT2LMHeadModel, "llama": LlamaForCausalLM}


def random_model(kind: str = "gpt2", seed: int = 0) -> PreTrainedModel:
    torch.manual_seed(seed)
    config = CONFIGS[kind]
    model = KINDS[config.model_type](config).eval()
    model.set_attn_implementation("eager")
    with torch.no_grad():
        for weight in model.parameters():  # biases, too, which are 0 at first
            weight.copy_(0.3 * torch.randn(weight.shape))
    return model


def saved(folder: Path, kind: str = "gpt2", seed: int = 0, **how: Any) -> PreTrainedModel:
    model = random_model(kind, seed)
    model.save_pretrained(folder, **how)
    return model


def edit(folder: Path, **changes: Any) -> None:
    """Change config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def suite(source: str, at: Path | str, **more: Any) -> Suite:
    """An entry of params.yaml; raises ParamsError."""
    return parse(Suite, {"source": source, "at": str(at), "bos": "none", **more}, "suites.theirs")


def tokens() -> torch.Tensor:
    return torch.randint(0, VOCAB, (2, N_CTX), generator=torch.Generator().manual_seed(1))


def tokenizer() -> ByteLevelBPETokenizer:
    made = ByteLevelBPETokenizer(add_prefix_space=False)
    texts = ["def f(x):\n    return x + 1", "the boat and the bridge"] * 5
    made.train_from_iterator(texts, 300, special_tokens=["<|endoftext|>"], show_progress=False)
    return made

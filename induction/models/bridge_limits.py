"""What a bridge cannot do, and what to do instead: each refused in one line.

Checks are of what was asked, before anything runs, so that a refusal leaves the bridge as it was.
"""

from collections.abc import Container, Sequence

import torch
from torch import Tensor

from induction.config.errors import StageError, show

_TEXT = (
    "found a checkpoint, which has no tokenizer, expected token ids",
    "encode with induction.text.tokenizer.load_tokenizer",
)
_ONE_STREAM = (
    "all heads of a layer read one stream here, not one input each",
    "edit Site('q_input', …), 'k_input' or 'v_input' with induction.interp.activations.layers",
)
_HEAD_RESULTS = (
    "W_O sums over heads here, so no hook sees the result of one",
    "read cache.stack_head_results(), edit hook_z",
)
_NO_KV_CACHE = ("this model keeps no keys and values", "pass the whole sequence")
_ROTATED = (
    "this model has no hook between the rotation and the scores",
    "read q and k of induction.interp.activations.layers, edit hook_attn_scores",
)
_WHOLE_ATTENTION = ("this model has no such output", "read it from the cache of run_with_cache")

# Methods that are refused whatever their arguments: why, and what to do instead.
METHODS: dict[str, tuple[str, str]] = {
    "to_tokens": _TEXT,
    "to_string": _TEXT,
    "to_str_tokens": _TEXT,
    "to_single_token": _TEXT,
    "to_single_str_token": _TEXT,
    "to_sentence_pair_tokens": _TEXT,
    "predict_next_sentence": _TEXT,
    "set_use_attn_result": _HEAD_RESULTS,
    "set_use_split_qkv_input": _ONE_STREAM,
    "set_use_attn_in": _ONE_STREAM,
    "hf_generate": ("the model is not one of Hugging Face's", "use generate()"),
    "diffusion_generate": ("the model predicts left to right", "use generate()"),
    "encoder_output": ("the model has no encoder", "use start_at_layer"),
    "prepare_multimodal_inputs": ("the model reads tokens only", "pass token ids"),
    "init_weights": ("the weights are those of a checkpoint", "use Transformer.init_weights"),
}

# Arguments of a forward pass that the model cannot honour.
ARGUMENTS: dict[str, tuple[str, str]] = {
    "prepend_bos": _TEXT,
    "padding_side": _TEXT,
    "stop_strings": _TEXT,
    "past_key_values": _NO_KV_CACHE,
    "past_kv_cache": _NO_KV_CACHE,
    "use_past_kv_cache": _NO_KV_CACHE,
    "use_cache": _NO_KV_CACHE,
    "position_ids": ("positions are always 0, 1, 2, …", "leave it out"),
    "output_attentions": _WHOLE_ATTENTION,
    "output_hidden_states": _WHOLE_ATTENTION,
    "inputs_embeds": ("residual streams enter with start_at_layer", "pass start_at_layer=0"),
    "one_zero_attention_mask": ("the model has no encoder", "use attention_mask"),
    "decoder_input": ("the model has no encoder", "pass tokens only"),
    "pixel_values": ("the model reads tokens only", "leave it out"),
    "input_values": ("the model reads tokens only", "leave it out"),
}

# Hooks of TransformerLens that would never fire, so that the bridge does not have them.
HOOKS: dict[str, tuple[str, str]] = {
    "hook_rot_q": _ROTATED,
    "hook_rot_k": _ROTATED,
    "hook_result": _HEAD_RESULTS,
    "hook_attn_in": _ONE_STREAM,
    "hook_q_input": _ONE_STREAM,
    "hook_k_input": _ONE_STREAM,
    "hook_v_input": _ONE_STREAM,
    "hook_hidden_states": ("it would never fire", "use attn.hook_in or attn.hook_out"),
    "hook_pos_embed": ("no positions enter the residual stream of this model", "leave it out"),
    "hook_resid_mid": ("the model has no MLP", "use hook_resid_post"),
    "hook_mlp_in": ("the model has no MLP", "leave it out"),
    "hook_mlp_out": ("the model has no MLP", "leave it out"),
}


def refusal(what: str, why: str, remedy: str) -> StageError:
    return StageError(f"bridge, {what}: {why}; {remedy}")


def check_hook(name: object, existing: Container[str]) -> None:
    """Raise StageError if `name` is a name and no hook has it."""
    if isinstance(name, str) and name not in existing:
        unknown = ("the model has no such hook", "bridge.hook_dict has those that there are")
        raise refusal(show(name), *HOOKS.get(name.rsplit(".", 1)[-1], unknown))


def check_arguments(arguments: dict[str, object]) -> None:
    """Raise StageError at the first argument that asks for something."""
    unknown = ("the model has no such argument", "leave it out")
    for name, value in arguments.items():
        if value is not None and value is not False:
            raise refusal(f"{name}={show(value)}", *ARGUMENTS.get(name, unknown))


def check_layer(name: str, layer: int | float, last: int, first: int = 0) -> None:
    if layer not in range(first, last + 1):
        raise refusal(name, f"found {layer}, expected {first} … {last}", "name a layer in between")


def check_ids(name: str, ids: Tensor, vocab: int, ignored: int | None = None) -> None:
    """Raise StageError unless all are token ids (or `ignored`)."""
    outside = (ids < 0) | (ids >= vocab)
    if ignored is not None:
        outside &= ids != ignored
    if outside.any():
        raise refusal(
            name,
            f"found id {int(ids[outside][0])}, expected 0 … {vocab - 1}",
            f"encode with the tokenizer of this model, whose vocabulary has {vocab} tokens",
        )


def check_tokens(tokens: object, vocab: int, n_ctx: int) -> None:
    """Raise StageError unless `tokens` is what the model reads."""
    if isinstance(tokens, str | list):
        raise refusal(f"input {show(tokens)}", *_TEXT)
    shape = tuple(tokens.shape) if isinstance(tokens, Tensor) else type(tokens).__name__
    if not isinstance(tokens, Tensor) or tokens.dtype not in (torch.int64, torch.int32):
        dtype = f" of {tokens.dtype}" if isinstance(tokens, Tensor) else ""
        raise refusal(
            "input",
            f"found {shape}{dtype}, expected token ids of torch.int64",
            "pass start_at_layer with a residual stream, tokens.long() with ids",
        )
    if tokens.ndim not in (1, 2) or 0 in tokens.shape:
        raise refusal(
            "input", f"found shape {shape}, expected [batch, pos]", "reshape the token ids"
        )
    check_length(tokens.shape[-1], n_ctx)
    check_ids("input", tokens, vocab)


def check_resid(resid: object, d_model: int, n_ctx: int, dtype: torch.dtype) -> None:
    """Raise StageError unless `resid` is a residual stream."""
    actual = show(resid)
    if isinstance(resid, Tensor):
        actual = f"{resid.dtype} {tuple(resid.shape)}"
        if resid.ndim in (2, 3) and resid.shape[-1] == d_model and resid.dtype == dtype:
            return check_length(resid.shape[-2], n_ctx)
    raise refusal(
        "input with start_at_layer",
        f"found {actual}, expected a residual stream, {dtype} [batch, pos, {d_model}]",
        "read one from run_with_cache, as hook_resid_pre",
    )


def check_length(length: int, n_ctx: int) -> None:
    if length > n_ctx:
        raise refusal(
            "input",
            f"found {length} positions, expected at most {n_ctx}, the model's context",
            "cut the sequence",
        )


def check_mask(mask: object, shape: Sequence[int]) -> None:
    """Raise StageError unless `mask` hides only what stands at the end of a sequence.

    Causal attention does not look there, so that such a mask changes losses only.
    """
    if mask is None:
        return
    if not isinstance(mask, Tensor) or tuple(mask.shape) != tuple(shape):
        actual = tuple(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise refusal(
            "attention_mask", f"found {actual}, expected [batch, pos] {tuple(shape)}", "reshape it"
        )
    kept = mask.long()
    if not bool(mask[:, 0].all()) or bool((kept.diff(dim=1) > 0).any()) or bool((kept < 0).any()):
        raise refusal(
            "attention_mask",
            "found a gap before a token, expected padding at the end: attention is causal only",
            "pad on the right",
        )

"""Everything public in TransformerLens is checked here, and right, or refused in one line."""

import copy
import inspect

import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from induction.config.errors import StageError
from induction.models.bridge import bridge
from induction.models.bridge_limits import METHODS
from tests.conftest import N_CTX, VOCAB, random_model

# What a test of test_bridge.py, or one below, compares with the plain model or its weights.
RIGHT = {
    "running": "forward run_with_cache run_with_hooks loss_fn input_to_embed generate"
    " generate_stream",
    "hooks": "add_hook add_perma_hook hooks reset_hooks remove_all_hook_fns clear_contexts"
    " check_hooks_to_add hook_dict hook_points hook_aliases mod_dict get_hook_point list_hooks"
    " get_caching_hooks add_caching_hooks cache_all cache_some clear_hook_registry"
    " set_use_hook_mlp_in",
    "weights": "W_E W_pos W_E_pos W_Q W_K W_V W_O W_U W_in W_out W_gate b_Q b_K b_V b_O b_in b_out"
    " b_U QK OV QK_for_attn_layers OV_for_attn_layers stack_params_for all_composition_scores"
    " composition_layer_indices accumulated_bias tokens_to_residual_directions get_params"
    " tl_parameters tl_named_parameters parameters named_parameters n_params_total state_dict"
    " load_state_dict process_weights enable_compatibility_mode",
    "names": "all_head_labels attn_head_labels block_hooks block_submodules blocks_with layer_types"
    " get_token_position tokenizer original_model",
    "module": "to cpu train close",
}
# Moves to devices that the tests do not have, and ways to open other models.
ELSEWHERE = (
    "cuda mps boot_native boot_tl_legacy boot_transformers check_model_support"
    " list_supported_models"
)
# Arguments that are passed on as they are, or checked: a new one would be passed on unread.
GENERATE = (
    "self input max_new_tokens stop_at_eos eos_token_id do_sample top_k top_p temperature"
    " freq_penalty repetition_penalty use_past_kv_cache prepend_bos padding_side return_type"
    " verbose output_logits return_cache return_input_tokens names_filter device pixel_values"
    " stop_strings stopping_criteria attention_mask forced_bos_token_id multimodal_kwargs"
)
STREAM = (
    "self input max_new_tokens max_tokens_per_yield stop_at_eos eos_token_id do_sample top_k top_p"
    " temperature freq_penalty repetition_penalty use_past_kv_cache prepend_bos padding_side"
    " return_type verbose stop_strings stopping_criteria attention_mask"
    " forced_bos_token_id"
)


def test_every_public_name_is_right_or_refused():
    """A name that an upgrade of TransformerLens adds is in neither list, until it is looked at."""
    ours = (c for c in TransformerBridge.__mro__ if not issubclass(nn.Module, c))
    public = {name for c in ours for name in vars(c) if not name.startswith("_")}
    right = {name for names in RIGHT.values() for name in names.split()}
    assert not right & set(METHODS)
    assert public == right | set(METHODS) | set(ELSEWHERE.split())


@pytest.mark.parametrize(("method", "names"), [("generate", GENERATE), ("generate_stream", STREAM)])
def test_every_argument_of_generation_is_known(method, names):
    parameters = inspect.signature(getattr(TransformerBridge, method)).parameters
    assert set(parameters) == set(names.split())


def refused(match: str):
    """Refused in one line that matches."""
    return pytest.raises(StageError, match=rf"^bridge, (?=[^\n]*{match})[^\n]+; [^\n]+$")


@pytest.mark.parametrize("method", METHODS)
def test_methods_that_the_model_cannot_honour(method, tokens):
    with refused(method):
        getattr(bridge(random_model(), "test"), method)(tokens)


TOKENS = torch.zeros(2, 5, dtype=torch.long)
LEFT_PADDED = torch.tensor([[1] * 5, [0] + [1] * 4])
RUNS = {
    "id outside": (dict(input=TOKENS + VOCAB), f"found id {VOCAB}, expected 0 … {VOCAB - 1}"),
    "negative id": (dict(input=TOKENS - 1), "found id -1"),
    "too long": (dict(input=TOKENS.expand(2, 5).repeat(1, 10)), f"50 positions, .*most {N_CTX}"),
    "no position": (dict(input=TOKENS[:, :0]), r"shape \(2, 0\)"),
    "three axes": (dict(input=TOKENS[None]), r"shape \(1, 2, 5\)"),
    "no tensor": (dict(input=None), "NoneType, expected token ids"),
    "bytes": (dict(input=TOKENS.byte()), "torch.uint8, expected token ids"),
    "floats": (dict(input=torch.zeros(2, 5, 32)), "torch.float32, expected token ids"),
    "another device": (dict(input=TOKENS.to("meta")), "found meta, expected cpu"),
    "text": (dict(input="text"), "no tokenizer"),
    "texts": (dict(input=["text"]), "no tokenizer"),
    "prepend_bos": (dict(prepend_bos=True), "prepend_bos=True.*no tokenizer"),
    "padding_side": (dict(padding_side="left"), "padding_side='left'.*no tokenizer"),
    "left padding": (dict(attention_mask=LEFT_PADDED), "attention_mask.*gap"),
    "mask of another shape": (dict(attention_mask=TOKENS[:1] + 1), r"attention_mask.*\(1, 5\)"),
    "key-value cache": (dict(use_past_kv_cache=True), "keeps no keys and values"),
    "past_kv_cache": (dict(past_kv_cache=object()), "keeps no keys and values"),
    "past_key_values": (dict(past_key_values=object()), "keeps no keys and values"),
    "position_ids": (dict(position_ids=TOKENS), "positions are always"),
    "inputs_embeds": (dict(inputs_embeds=TOKENS), "start_at_layer"),
    "output_attentions": (dict(output_attentions=True), "run_with_cache"),
    "a slip of the pen": (dict(stop_layer=1), "stop_layer=1: the model has no such argument"),
    "predictions": (dict(return_type="predictions"), "'predictions'"),
    "logits_and_cache": (dict(return_type="logits_and_cache"), "'logits_and_cache'"),
    "loss per token": (dict(loss_per_token=True), "loss_per_token.*return_type"),
    "labels without loss": (dict(labels=TOKENS), "labels.*return_type"),
    "labels outside": (dict(labels=TOKENS - 2, return_type="loss"), "labels.*found id -2"),
    "loss of one token": (dict(input=TOKENS[:, :1], return_type="loss"), "found 1 position"),
    "loss of a stream": (
        dict(input=torch.zeros(2, 5, 32), start_at_layer=1, return_type="loss"),
        "found a residual stream",
    ),
    "loss of half a run": (dict(return_type="loss", stop_at_layer=1), "stop_at_layer=1.*'loss'"),
    "stop too late": (dict(stop_at_layer=2), "stop_at_layer: found 2, expected -2 … 1"),
    "stop too early": (dict(stop_at_layer=-3), "stop_at_layer: found -3"),
    "start too late": (dict(start_at_layer=2), "start_at_layer: found 2, expected -2 … 1"),
    "start with tokens": (dict(start_at_layer=1), "expected a residual stream"),
    "stop in between": (dict(stop_at_layer=0.5), "stop_at_layer: found 0.5"),
    "start in double": (
        dict(input=torch.zeros(2, 5, 32).double(), start_at_layer=1),
        r"torch.float64 \(2, 5, 32\)",
    ),
    "start too wide": (dict(input=torch.zeros(2, 5, 31), start_at_layer=1), r"\(2, 5, 31\)"),
    "stop before start": (
        dict(input=torch.zeros(2, 5, 32), start_at_layer=1, stop_at_layer=0),
        "before start_at_layer=1",
    ),
}


@pytest.mark.parametrize("how", ["forward", "run_with_cache", "run_with_hooks"])
@pytest.mark.parametrize("case", RUNS)
def test_runs_that_the_model_cannot_honour(how, case):
    arguments, match = RUNS[case]
    with refused(match):
        getattr(bridge(random_model(), "test"), how)(**{"input": TOKENS, **arguments})


HERE = {"stop_at_eos": False, "verbose": False}
GENERATIONS = {
    "where to stop": ({"stop_at_eos": True}, "stop_at_eos=False"),
    "text": ({**HERE, "input": "text"}, "no tokenizer"),
    "as text": ({**HERE, "return_type": "str"}, "return_type='str'"),
    "stop strings": ({**HERE, "stop_strings": "x"}, "stop_strings='x'.*no tokenizer"),
    "padding": ({**HERE, "padding_side": "left"}, "padding_side"),
    "masked": ({**HERE, "attention_mask": LEFT_PADDED.flip(1)}, "would follow padding"),
    "one axis": ({**HERE, "input": TOKENS[0]}, r"expected tokens \[batch, pos\]"),
    "nothing": ({**HERE, "max_new_tokens": 0}, "found 0"),
    "too much": ({**HERE, "max_new_tokens": 45}, "found 49 positions"),
    "id outside": ({**HERE, "input": TOKENS + VOCAB}, f"found id {VOCAB}"),
}


@pytest.mark.parametrize("how", ["generate", "generate_stream"])
@pytest.mark.parametrize("case", GENERATIONS)
def test_generation_that_the_model_cannot_honour(how, case):
    arguments, match = GENERATIONS[case]
    with refused(match):
        getattr(bridge(random_model(), "test"), how)(**{"input": TOKENS, **arguments})


def test_generation_has_no_other_arguments():
    with refused("max_new=3: the model has no such argument"):
        bridge(random_model(), "test").generate(TOKENS, **HERE, max_new=3)


HOOKS = {
    "attn.hook_rot_q": "rotation",
    "attn.hook_rot_k": "rotation",
    "attn.hook_result": "stack_head_results",
    "attn.hook_hidden_states": "never fire",
    "attn.hook_q_input": "Site",
    "attn.hook_typo": "no such hook",
    "hook_attn_in": "Site",
    "hook_v_input": "Site",
    "hook_mlp_in": "no MLP",
    "hook_mlp_out": "no MLP",
    "hook_resid_mid": "no MLP",
}


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_that_would_never_fire(name):
    lens, site = bridge(random_model(positions="rotary"), "test"), f"blocks.0.{name}"
    hook = (site, lambda x, hook: x)
    for ask in (
        lambda: lens.run_with_hooks(TOKENS, fwd_hooks=[hook]),
        lambda: lens.run_with_hooks(TOKENS, bwd_hooks=[hook]),
        lambda: lens.run_with_cache(TOKENS, names_filter=site),
        lambda: lens.run_with_cache(TOKENS, names_filter=["hook_embed", site]),
        lambda: lens.hooks(fwd_hooks=[hook]),
        lambda: lens.add_hook(*hook),
        lambda: lens.add_perma_hook(*hook),
        lambda: lens.get_caching_hooks(site),
        lambda: lens.add_caching_hooks([site]),
        lambda: lens.list_hooks(site),
    ):
        with refused(f"'{site}'.*{HOOKS[name]}"):
            ask()
    assert lens.get_hook_point(site) is None


def test_positions_have_no_hook_where_the_stream_has_none():
    with refused("hook_pos_embed.*no positions"):
        bridge(random_model(), "test").run_with_cache(TOKENS, names_filter="hook_pos_embed")


def processed():
    lens = bridge(random_model(), "test")
    lens.process_weights()
    return lens


def fresh():
    return bridge(random_model(), "test")


def learned():
    return bridge(random_model(positions="learned"), "test")


OTHERS = {
    "processing twice": (processed, lambda x: x.enable_compatibility_mode(), "processed already"),
    "processing again": (processed, lambda x: x.process_weights(), "processed already"),
    "loading over": (processed, lambda x: x.load_state_dict(x.state_dict()), "processed already"),
    "loading a part": (fresh, lambda x: x.load_state_dict({}), r"no fitting blocks\.0"),
    "loading another": (
        fresh,
        lambda x: x.load_state_dict(random_model().state_dict()),
        "no fitting",
    ),
    "loading a shape": (
        fresh,
        lambda x: x.load_state_dict(x.state_dict() | {"embed.weight": torch.zeros(3)}),
        "embed.weight",
    ),
    "QK of rotated keys": (
        lambda: bridge(random_model(positions="rotary"), "test"),
        lambda x: x.enable_compatibility_mode(refactor_factored_attn_matrices=True),
        "refactor_.*positions",
    ),
    "QK with sinusoids": (
        fresh,
        lambda x: x.process_weights(refactor_factored_attn_matrices=True),
        "refactor_.*positions",
    ),
    "QK without biases": (
        learned,
        lambda x: x.process_weights(fold_ln=False, refactor_factored_attn_matrices=True),
        "fold_ln=True",
    ),
    "a tokenizer": (fresh, lambda x: setattr(x, "tokenizer", object()), "tokenizer"),
    "a deep copy": (fresh, copy.deepcopy, "copy or pickle"),
    "a flag": (fresh, lambda x: setattr(x.cfg, "use_attn_result", True), "set_use_attn_result"),
    "an MLP": (fresh, lambda x: x.set_use_hook_mlp_in(True), "no MLP"),
    "a layer's hooks": (fresh, lambda x: x.block_hooks(2), "found 2, expected 0 … 1"),
    "a layer's parts": (fresh, lambda x: x.block_submodules(-1), "found -1"),
    "a layer's bias": (fresh, lambda x: x.accumulated_bias(-1), "found -1, expected 0 … 2"),
    "a token's text": (fresh, lambda x: x.tokens_to_residual_directions("x"), "no tokenizer"),
    "a token outside": (fresh, lambda x: x.tokens_to_residual_directions(-1), "found id -1"),
    "a loss of others": (
        fresh,
        lambda x: x.loss_fn(torch.zeros(2, 4, 50), TOKENS),
        "loss_fn: found",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_things_that_the_model_cannot_honour(case):
    make, ask, match = OTHERS[case]
    lens = make()
    with refused(match):
        ask(lens)


def test_directions_need_a_folded_last_layer_norm():
    model = random_model()
    with torch.no_grad():
        model.ln_out.weight.mul_(2)
    lens = bridge(model, "test")
    with refused("tokens_to_residual_directions.*ln_final"):
        lens.tokens_to_residual_directions(3)


def test_what_is_refused_can_be_left_off():
    lens = bridge(random_model(), "test")
    lens.set_use_attn_result(False)
    lens.set_use_hook_mlp_in(False)
    lens.cfg.use_split_qkv_input = False
    assert lens(TOKENS, use_cache=False, past_key_values=None).shape == (2, 5, VOCAB)


@pytest.mark.parametrize("name", ["W_in", "b_in", "W_pos", "b_Q", "b_O"])
def test_weights_that_the_model_lacks(name):
    """TransformerLens's own line says so."""
    with pytest.raises(AttributeError, match=rf"^[^\n]*{name}[^\n]*$"):
        getattr(bridge(random_model(), "test"), name)

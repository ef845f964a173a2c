"""A `TransformerBridge` that does what it is asked, or refuses in one line."""

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from induction.models import bridge_limits
from induction.models.bridge_limits import check_hook, check_layer, refusal
from induction.models.hooked import keep_positions

RETURN_TYPES = ("logits", "loss", "both", None)


def _arguments(method: Callable, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Every argument of a call by its name, with defaults."""
    bound = inspect.signature(method).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments | bound.arguments.get("kwargs", {})


class CheckedBridge(TransformerBridge):
    # Running

    def forward(  # the arguments of TransformerLens, in its order
        self,
        input,
        return_type="logits",
        loss_per_token=False,
        prepend_bos=None,
        padding_side=None,
        attention_mask=None,
        labels=None,
        start_at_layer=None,
        stop_at_layer=None,
        **kwargs,
    ):
        bridge_limits.check_arguments(
            {"prepend_bos": prepend_bos, "padding_side": padding_side, **kwargs}
        )
        self._check_layers(start_at_layer, stop_at_layer, return_type)
        self._check_input(input, start_at_layer is not None, attention_mask)
        with_loss = return_type in ("loss", "both")
        if return_type not in RETURN_TYPES:
            raise refusal(
                f"return_type={return_type!r}",
                f"expected one of {', '.join(map(repr, RETURN_TYPES))}",
                "leave it out for logits",
            )
        if (loss_per_token or labels is not None) and not with_loss:
            name = "labels" if labels is not None else "loss_per_token"
            raise refusal(name, f"found return_type={return_type!r}", "pass return_type='loss'")
        if with_loss and input.shape[-2 if input.is_floating_point() else -1] < 2:
            raise refusal("loss", "found 1 position, expected at least 2", "pass a longer sequence")
        if with_loss and labels is None and start_at_layer is not None:
            raise refusal("loss", "found a residual stream, expected tokens", "pass labels=tokens")
        if labels is not None:
            bridge_limits.check_ids("labels", labels, self.cfg.d_vocab, ignored=-100)
        return super().forward(
            input,
            return_type,
            loss_per_token,
            attention_mask=attention_mask,
            labels=labels,
            start_at_layer=start_at_layer,
            stop_at_layer=stop_at_layer,
        )

    def _check_input(self, input: object, is_resid: bool, mask: object) -> None:
        here = next(self.parameters()).device
        if isinstance(input, Tensor) and input.device != here:
            raise refusal("input", f"found {input.device}, expected {here}", "move it there")
        if is_resid:
            bridge_limits.check_resid(input, self.cfg.d_model, self.cfg.n_ctx, self.cfg.dtype)
        else:
            bridge_limits.check_tokens(input, self.cfg.d_vocab, self.cfg.n_ctx)
        assert isinstance(input, Tensor)
        shape = input.shape[:-1] if is_resid else input.shape
        bridge_limits.check_mask(mask, shape if len(shape) == 2 else (1, *shape))

    def _check_layers(
        self, start: int | float | None, stop: int | float | None, return_type: object
    ) -> None:
        layers = self.cfg.n_layers
        if start is not None:
            check_layer("start_at_layer", start, layers - 1, -layers)
        if stop is None:
            return
        check_layer("stop_at_layer", stop, layers - 1, -layers)
        if (start or 0) % layers > stop % layers:
            raise refusal(f"stop_at_layer={stop}", f"before start_at_layer={start}", "stop later")
        if return_type in ("loss", "both"):
            raise refusal(
                f"stop_at_layer={stop}",
                f"found return_type={return_type!r}, but a run that stops has no logits",
                "leave one of them out",
            )

    def run_with_cache(self, *args, **kwargs):
        asked = _arguments(super().run_with_cache, *args, **kwargs)
        self._check_layers(
            asked["start_at_layer"], asked["stop_at_layer"], asked.get("return_type")
        )
        self._check_names(asked["names_filter"])
        resumed = asked["start_at_layer"] is not None
        self._check_input(asked["input"], resumed, asked.get("attention_mask"))
        return super().run_with_cache(*args, **kwargs)

    def run_with_hooks(self, *args, **kwargs):
        asked = _arguments(super().run_with_hooks, *args, **kwargs)
        self._check_layers(asked["start_at_layer"], asked["stop_at_layer"], asked["return_type"])
        self._check_names([name for name, _ in (*asked["fwd_hooks"], *asked["bwd_hooks"])])
        return super().run_with_hooks(*args, **kwargs)

    def loss_fn(self, logits, tokens, attention_mask=None, per_token=False):
        if isinstance(tokens, Tensor) and tokens.shape != logits.shape[:-1]:
            raise refusal(
                "loss_fn",
                f"found tokens {tuple(tokens.shape)}, logits {tuple(logits.shape)}",
                "pass the tokens that gave the logits",
            )
        bridge_limits.check_tokens(tokens, self.cfg.d_vocab, self.cfg.n_ctx)
        bridge_limits.check_mask(attention_mask, tokens.shape)
        return super().loss_fn(logits, tokens, attention_mask, per_token)

    # Generating

    def generate(self, *args, **kwargs):
        self._check_generation(_arguments(super().generate, *args, **kwargs))
        return super().generate(*args, **kwargs)

    def generate_stream(self, *args, **kwargs):
        self._check_generation(_arguments(super().generate_stream, *args, **kwargs))
        return super().generate_stream(*args, **kwargs)

    def _check_generation(self, asked: dict[str, Any]) -> None:
        tokens, new, mask = asked["input"], asked["max_new_tokens"], asked.get("attention_mask")
        self._check_input(tokens, False, mask)
        texts = {name: asked[name] for name in ("prepend_bos", "padding_side", "stop_strings")}
        bridge_limits.check_arguments(texts | asked.get("multimodal_kwargs", {}))
        if tokens.ndim != 2:
            raise refusal("generate", "expected tokens [batch, pos]", "pass tokens[None]")
        if asked["return_type"] not in ("input", "tokens"):
            raise refusal(
                f"return_type={asked['return_type']!r}", *bridge_limits.METHODS["to_string"]
            )
        if mask is not None and not bool(mask.all()):
            raise refusal("attention_mask", "new tokens would follow padding", "cut the padding")
        if asked["stop_at_eos"] and asked["eos_token_id"] is None:
            raise refusal(
                "generate",
                "found no tokenizer, expected the token at which to stop",
                "pass stop_at_eos=False, or eos_token_id",
            )
        if new < 1:
            raise refusal("max_new_tokens", f"found {new}, expected 1 or more", "ask for more")
        # The last token that is generated is never read, except for a cache.
        bridge_limits.check_length(
            tokens.shape[1] + new - (not asked.get("return_cache")), self.cfg.n_ctx
        )

    # Hooks

    def _check_names(self, names: object) -> None:
        """Raise StageError at a name that no hook has; filters are functions, and not names."""
        existing = self.hook_dict
        for name in names if isinstance(names, list) else [names]:
            check_hook(name, existing)

    def add_hook(self, name, *args, **kwargs):
        self._check_names(name)
        super().add_hook(name, *args, **kwargs)

    def hooks(self, *args, **kwargs):
        asked = _arguments(super().hooks, *args, **kwargs)
        self._check_names([name for name, _ in (*asked["fwd_hooks"], *asked["bwd_hooks"])])
        return super().hooks(*args, **kwargs)

    def get_caching_hooks(self, names_filter=None, *args, **kwargs):
        self._check_names(names_filter)
        return super().get_caching_hooks(names_filter, *args, **kwargs)

    def list_hooks(self, name_filter=None, *args, **kwargs):
        self._check_names(name_filter)
        return super().list_hooks(name_filter, *args, **kwargs)

    def clear_hook_registry(self) -> None:
        super().clear_hook_registry()
        # TransformerLens would leave it empty, and caches, too.
        self._initialize_hook_registry()

    def set_use_hook_mlp_in(self, use_hook_mlp_in: bool) -> None:
        if use_hook_mlp_in:
            self._check_names("blocks.0.hook_mlp_in")
        super().set_use_hook_mlp_in(use_hook_mlp_in)

    # Weights

    def enable_compatibility_mode(self, *args, **kwargs):
        asked = _arguments(super().enable_compatibility_mode, *args, **kwargs)
        if not asked["no_processing"]:
            self._check_processing(asked)
        super().enable_compatibility_mode(*args, **kwargs)

    def process_weights(self, *args, **kwargs):
        asked = _arguments(super().process_weights, *args, **kwargs)
        self._check_processing(asked)
        attentions = [block.attn.original_component for block in self.blocks]
        if asked["fold_ln"] and attentions[0].arch.positions == "qk_sinusoidal":
            for attn in attentions:
                keep_positions(attn, [attn.q.original_component, attn.k.original_component])
        positions = self.cfg.positional_embedding_type
        if positions == "shortformer":
            # TransformerLens would look for a table to center, but the stream has no positions.
            self.cfg.positional_embedding_type = "none"
        try:
            super().process_weights(*args, **kwargs)
        finally:
            self.cfg.positional_embedding_type = positions

    def _check_processing(self, asked: dict[str, Any]) -> None:
        if self._weights_processed:
            raise refusal(
                "process_weights", "the weights are processed already", "open the checkpoint again"
            )
        if not asked["refactor_factored_attn_matrices"]:
            return
        if self.cfg.positional_embedding_type != "standard":
            raise refusal(
                "refactor_factored_attn_matrices",
                "positions act within W_Q and W_K of this model, not on the residual stream",
                "leave it out",
            )
        if not asked["fold_ln"]:
            raise refusal(
                "refactor_factored_attn_matrices",
                "W_Q and W_K have no biases before LayerNorm is folded",
                "pass fold_ln=True",
            )

    def tokens_to_residual_directions(self, tokens):
        if isinstance(tokens, str):
            raise refusal(f"token {tokens!r}", *bridge_limits.METHODS["to_tokens"])
        bridge_limits.check_ids("tokens", torch.as_tensor(tokens), self.cfg.d_vocab)
        norm = self.ln_final
        if not bool((norm.weight == 1).all() and (norm.bias == 0).all()):
            raise refusal(
                "tokens_to_residual_directions",
                "ln_final scales what W_U reads, so that its columns are not these directions",
                "call enable_compatibility_mode() before caching",
            )
        return super().tokens_to_residual_directions(tokens)

    def accumulated_bias(self, layer, mlp_input=False, include_mlp_biases=True):
        check_layer("accumulated_bias", layer, self.cfg.n_layers - bool(mlp_input))
        return super().accumulated_bias(layer, mlp_input, include_mlp_biases)

    def get_params(self) -> dict[str, Tensor]:
        """Without the zeros that TransformerLens makes up for weights that the model lacks."""
        params = super().get_params()
        absent = [".mlp."] * self.cfg.attn_only + ["pos_embed."] * (
            "pos_embed" not in self._modules
        )
        return {
            name: value
            for name, value in params.items()
            if not any(part in f".{name}" or name.startswith(part) for part in absent)
        }

    def _is_valid_bridge_path(self, hf_path: str) -> bool:
        # Without the gates, a state_dict() would be of another model.
        return hf_path.endswith(".smear_gate") or super()._is_valid_bridge_path(hf_path)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        if self._weights_processed:
            raise refusal(
                "load_state_dict", "the weights are processed already", "open the checkpoint again"
            )
        expected = {name: value.shape for name, value in self.state_dict().items()}
        actual = {name: value.shape for name, value in state_dict.items()}
        wrong = {name for name in actual if actual[name] != expected.get(name)}
        wrong |= set(expected) - set(actual) if strict else set()
        if wrong:
            raise refusal(
                "load_state_dict",
                f"found no fitting {min(wrong)}, expected the names and shapes of state_dict()",
                "open_in_transformer_lens opens checkpoints",
            )
        return super().load_state_dict(state_dict, strict, assign)

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self.cfg.dtype = next(self.parameters()).dtype
        return self

    # Names

    def block_hooks(self, layer_idx: int) -> list[str]:
        check_layer("block_hooks", layer_idx, self.cfg.n_layers - 1)
        return super().block_hooks(layer_idx)

    def block_submodules(self, layer_idx: int) -> list[str]:
        check_layer("block_submodules", layer_idx, self.cfg.n_layers - 1)
        return [n for n in super().block_submodules(layer_idx) if not n.startswith("hook_")]

    def layer_types(self) -> list[str]:
        return ["attn" if self.cfg.attn_only else "attn+mlp"] * self.cfg.n_layers

    @property
    def tokenizer(self) -> None:
        return None

    @tokenizer.setter
    def tokenizer(self, value: object) -> NoReturn:
        raise refusal("tokenizer", *bridge_limits.METHODS["to_tokens"])

    def __reduce_ex__(self, protocol) -> NoReturn:
        raise refusal(
            "copy or pickle",
            "hooks of the copy would act on the original",
            "open the checkpoint again, or save state_dict()",
        )


def _refusing(name: str) -> Callable:
    def refuse(self, *args, **kwargs):
        # Switching off what is off is no request.
        if not any(value is False for value in (*args, *kwargs.values())):
            raise refusal(f"{name}()", *bridge_limits.METHODS[name])

    return refuse


for _name in bridge_limits.METHODS:
    setattr(CheckedBridge, _name, _refusing(_name))

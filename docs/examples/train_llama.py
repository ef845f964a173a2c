"""Train a two-layer Llama on the study's own text with transformers.Trainer, for two minutes.

Run it in the project's folder after `dvc repro corpus`; it writes models/llama/checkpoint-<step>.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

OUT, N_CTX, STEPS, EVERY, BATCH = Path("models/llama"), 512, 700, 50, 8


class Windows(torch.utils.data.Dataset):
    """The training stream, cut into windows."""

    def __init__(self, tokens: torch.Tensor):
        self.tokens = tokens[: len(tokens) // N_CTX * N_CTX].view(-1, N_CTX)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = self.tokens[index].long()
        return {"input_ids": ids, "labels": ids}


set_seed(0)
tokenizer = PreTrainedTokenizerFast(tokenizer_file="data/corpus/tokenizer.json")
stream = load_file("data/corpus/train_tokens.safetensors")["tokens"]
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=N_CTX,
        bos_token_id=None,
        eos_token_id=0,
    )
)
trainer = Trainer(
    model,
    TrainingArguments(
        output_dir=str(OUT),
        max_steps=STEPS,
        save_steps=EVERY,
        per_device_train_batch_size=BATCH,
        learning_rate=3e-3,
        warmup_steps=20,
        include_num_input_tokens_seen="all",
        report_to=[],
    ),
    train_dataset=Windows(stream),
    processing_class=tokenizer,
    data_collator=default_data_collator,
)
trainer.save_model(str(OUT / "checkpoint-0"))  # a Trainer keeps no untrained model
trainer.train()

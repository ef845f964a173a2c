"""A slice of params.paper.yaml that can be tried: two cells, a thousandth of the tokens.

Run it in the project's folder: `python docs/examples/paper_slice.py > params.yaml`. What a machine
without a GPU can do is smaller still, and has to be asked for: see --help and docs/scale.md.
"""

import argparse
import sys
from pathlib import Path

import yaml

# Of the paper's numbers for evaluation, and of its snapshots.
EXAMPLES, SNAPSHOTS = 40, 5


def slice_of(params: dict, cells: list[str], tokens: int) -> dict:
    """`params` with these cells alone, `tokens` times fewer tokens in as many steps as batches of
    one sequence give, and a smaller evaluation."""
    train, corpus = params["train"], params["corpus"]
    params["cells"] = {name: params["cells"][name] for name in cells}
    params["models"] = {
        cell["model"]: params["models"][cell["model"]] for cell in params["cells"].values()
    }
    length = train["tokens"] // tokens
    # So that there are steps enough to learn in: the paper's batch alone would be a tenth of them.
    warm_up = train["warmup_steps"] * train["batch"] / tokens
    train |= {
        "tokens": length,
        "batch": 1,
        "micro_batch": 1,
        "warmup_steps": max(1, round(warm_up)),
    }
    spacing = [
        {"until": each["until"] // tokens, "every": each["every"] * SNAPSHOTS // tokens}
        for each in train["checkpoints"]
    ]
    train["checkpoints"] = spacing
    corpus["max_characters"] //= tokens
    corpus["tokenizer_characters"] //= tokens // 10
    corpus["evaluation"]["sequences"] //= EXAMPLES
    corpus["evaluation"]["held_out"] = 0.1
    params["ablations"]["sequences"] //= EXAMPLES
    params["interventions"]["every"] = 8
    return params


def shrunk(params: dict, options: argparse.Namespace) -> dict:
    """`params` with models that are less wide, read less at once, and know fewer tokens; heads are
    removed on fewer sequences. A step reads about as many tokens as before."""
    for model in params["models"].values():
        model |= {"d_model": options.width, "d_mlp": 4 * options.width, "n_heads": options.heads}
    params["train"]["batch"] = params["corpus"]["n_ctx"] // options.context
    params["corpus"] |= {"vocab_size": options.vocabulary, "n_ctx": options.context}
    ablated = options.ablated
    params["ablations"] |= {"sequences": ablated, "other_sequences": max(2, ablated // 4)}
    params["interventions"]["sequences"] = ablated
    params["losses"]["batch"] = 4
    params["device"] = "auto"
    return params


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", nargs="+", default=["attn1_s0", "attn2_s0"])
    parser.add_argument("--tokens", type=int, default=1_000, help="divide them by this")
    parser.add_argument("--packages", action="store_true", help="the text of params.yaml")
    parser.add_argument("--width", type=int, help="d_model, instead of 768")
    parser.add_argument("--heads", type=int, default=4, help="with --width, instead of 12")
    parser.add_argument("--vocabulary", type=int, default=1_024, help="with --width")
    parser.add_argument("--context", type=int, default=576, help="with --width")
    parser.add_argument("--ablated", type=int, default=16, help="sequences, with --width")
    options = parser.parse_args()
    params = slice_of(
        yaml.safe_load(Path("params.paper.yaml").read_text("utf-8")), options.cells, options.tokens
    )
    if options.packages:
        ours = yaml.safe_load(Path("params.yaml").read_text("utf-8"))["corpus"]
        names = ("source", "packages", "exclude_names", "files")
        params["corpus"] |= {name: ours[name] for name in names}
    if options.width:
        params = shrunk(params, options)
    yaml.safe_dump(params, sys.stdout, sort_keys=False, width=100)


if __name__ == "__main__":
    main()

"""Write dvc.yaml: the study as DVC sees it, from params.yaml and the imports of each stage.

Two lists in it nobody should keep by hand: the code that a stage runs (its import closure) and
the files that an aggregate reads (one per cell). Both are written out, so that dvc.yaml can be
read, and DVC needs nothing of ours to run it. `make study` does this first; `--check` only says
whether dvc.yaml is up to date.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from stages.files import code
from stages.files.params import Params
from stages.files.stage import StageError
from stages.files.whole import write
from stages.settings.strict import ParamsError, parse
from stages.settings.study import Study

DVC = Path("dvc.yaml")
HEADER = """\
# The study, in order. Written by `make plan` from params.yaml and the imports of each stage:
# edit params.yaml or stages/, not this file.
"""
# The stages that run once per cell, in order.
PER_CELL = ("train", "losses", "icl", "heads", "ablations")
CORPUS_FILES = [
    "documents.parquet",
    "eval.parquet",
    "eval_sequences.parquet",
    "manifest.json",
    "tokenizer.json",
    "train_tokens.safetensors",
    "vocabulary.parquet",
]


def pipeline(cells: list[str]) -> dict:
    """The contents of dvc.yaml for these cells, sorted."""

    def stage(name: str, about: str, deps: list[str], params: list[str], **outs: list) -> dict:
        return {
            "desc": about,
            "cmd": f"python -m stages.{name}",
            "deps": [*[path.as_posix() for path in code.files(name)], *deps],
            **({"params": params} if params else {}),
            **outs,
        }

    def per_cell(name: str, about: str, deps: list[str], params: list[str], out: str) -> dict:
        body = stage(name, about, deps, params, outs=[out])
        body["cmd"] += " --cell ${key}"
        about = body.pop("desc")
        return {"foreach": "${cells}", "do": {"desc": about, **body}}

    def every(pattern: str) -> list[str]:
        return [pattern.format(cell) for cell in cells]

    trained = "data/train/${key}"
    evaluation = "data/corpus/eval.parquet"
    sequences = "data/corpus/eval_sequences.parquet"
    return {
        "params": stage(
            "params",
            "All of params.yaml is checked before anything runs",
            ["params.yaml"],
            [],
            outs=["data/params/checked"],
        ),
        "corpus": stage(
            "corpus",
            "Text -> tokenizer, training stream, fixed evaluation set, manifest",
            ["data/params/checked"],
            ["corpus"],
            outs=[f"data/corpus/{name}" for name in CORPUS_FILES],
        ),
        "train": per_cell(
            "train",
            "One model × seed -> checkpoints on a schedule, and the training log",
            ["data/corpus/train_tokens.safetensors"],
            [
                "device",
                "corpus.n_ctx",
                "corpus.vocab_size",
                "cells.${key}",
                "models.${item.model}",
                "train",
            ],
            trained,
        ),
        "losses": per_cell(
            "losses",
            "Every checkpoint × the evaluation set -> per-token losses",
            [trained, evaluation],
            ["device", "losses"],
            "data/losses/${key}.parquet",
        ),
        "icl": per_cell(
            "icl",
            "Losses -> in-context-learning score with intervals, position curves, loss vectors",
            ["data/losses/${key}.parquet", sequences],
            ["corpus.n_ctx", "icl"],
            "data/icl/${key}",
        ),
        "pca": stage(
            "pca",
            "Joint PCA of the loss vectors of all checkpoints of all cells",
            every("data/icl/{}/sampled.parquet"),
            ["cells", "pca"],
            outs=["data/pca/pca.parquet"],
        ),
        "heads": per_cell(
            "heads",
            "Prefix matching, its controls, previous-token score: every head, every checkpoint",
            [trained, evaluation, "data/corpus/vocabulary.parquet"],
            ["device", "heads"],
            "data/heads/${key}.parquet",
        ),
        "ablations": per_cell(
            "ablations",
            "Losses without each head, full and pattern-preserving, at every checkpoint",
            [trained, evaluation, sequences],
            ["device", "ablations", "icl.windows", "losses"],
            "data/ablations/${key}.parquet",
        ),
        "report": stage(
            "report",
            "SQL over the tables -> reports/: the page, figures, summary, metrics",
            [
                "data/corpus/manifest.json",
                *every("data/icl/{}/icl.parquet"),
                *every("data/icl/{}/positions.parquet"),
                "data/pca/pca.parquet",
                *every("data/heads/{}.parquet"),
                *every("data/ablations/{}.parquet"),
            ],
            ["cells", "corpus.n_ctx", "icl", "models", "report", "train"],
            outs=[
                {"reports/index.html": {"cache": False}},
                {"reports/provenance.json": {"cache": False}},
                {"reports/summary.md": {"cache": False}},
            ],
            metrics=[{"reports/metrics.json": {"cache": False}}],
            plots=[{"reports/figures": {"cache": False}}],
        ),
    }


@dataclass(frozen=True)
class Expanded:
    """One stage of dvc.yaml, for one cell or (`cell` empty) for all."""

    name: str
    cell: str
    cmd: str
    deps: tuple[str, ...]
    params: frozenset[str]
    outs: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.name}@{self.cell}" if self.cell else self.name


def expanded(study: Study) -> list[Expanded]:
    """Every stage as DVC sees it, with the names of cells and models filled in."""
    found = []
    for name, entry in pipeline(sorted(study.cells)).items():
        body = entry.get("do", entry)
        named = [*body.get("outs", []), *body.get("metrics", []), *body.get("plots", [])]
        outs = [out if isinstance(out, str) else next(iter(out)) for out in named]
        for cell in sorted(study.cells) if "foreach" in entry else [""]:
            model = study.cells[cell].model if cell else ""

            def fill(text: str, cell: str = cell, model: str = model) -> str:
                return text.replace("${key}", cell).replace("${item.model}", model)

            found.append(
                Expanded(
                    name,
                    cell,
                    fill(body["cmd"]),
                    tuple(map(fill, body["deps"])),
                    frozenset(map(fill, body.get("params", []))),
                    tuple(map(fill, outs)),
                )
            )
    return found


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def text(cells: list[str]) -> str:
    stages = {"stages": pipeline(sorted(cells))}
    body = yaml.dump(
        stages, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True, indent=2
    )
    return HEADER + body


def is_written(study: Study) -> bool:
    """Whether dvc.yaml is what `study` and the code ask for."""
    return DVC.is_file() and DVC.read_bytes() == text(list(study.cells)).encode()


def update(study: Study) -> None:
    """Write dvc.yaml, if it is not what it should be."""
    if not is_written(study):
        write(DVC, text(list(study.cells)).encode())
        print("dvc.yaml: written anew", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.plan", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check_only = parser.parse_args().check
    try:
        study = parse(Study, Params().all(), "")
    except (ParamsError, StageError) as error:
        sys.exit(f"error: {error}")
    if not check_only:
        update(study)
    elif not is_written(study):
        sys.exit("error: dvc.yaml does not match params.yaml and stages/; run `make plan`")


if __name__ == "__main__":
    main()

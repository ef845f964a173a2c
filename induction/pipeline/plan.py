"""Write dvc.yaml: the study as DVC sees it, from params.yaml and the imports of each stage.

Two lists in it nobody should keep by hand: the code that a stage runs (its import closure) and
the files that an aggregate reads (one per cell). Both are written out, so that dvc.yaml can be
read, and DVC needs nothing of ours to run it. What `make published` adds stands in
published/dvc.yaml, so that `dvc repro` is the study alone. `make study` does this first;
`--check` only says whether both are up to date.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.study import Study
from induction.pipeline import cells, code_digests
from induction.pipeline.settings import study_of
from induction.report import plots
from induction.tables.atomic import remove, write

DVC = Path("dvc.yaml")
HEADER = """\
# The study, in order. Written by `make plan` from params.yaml and the imports of each stage:
# edit params.yaml or stages/, not this file.
"""
# The stages that run once per cell, and once per grid, in order.
PER_CELL = ("train", "losses", "icl", "heads", "ablations", "interventions", "circuits")
PER_GRID = ("pca", "phases", "claims", "report")
PHASES = ("curves", "overlaps", "phases", "windows")
READ_BY_CIRCUITS = (
    "eval.parquet",
    "tokenizer.json",
    "train_tokens.safetensors",
    "vocabulary.parquet",
)
READ_BY_REPORT = [
    f"data/corpus/{name}"
    for name in (
        "documents.parquet",
        "eval.parquet",
        "eval_sequences.parquet",
        "manifest.json",
        "vocabulary.parquet",
    )
]
# All that makes the study; the page shows it.
SHOWN_BY_REPORT = [
    "ablations",
    "circuits",
    "claims",
    "corpus",
    "heads",
    "icl",
    "interventions",
    "losses",
    "models",
    "pca",
    "phases",
    "report",
    "train",
]
CORPUS_FILES = [
    "documents.parquet",
    "eval.parquet",
    "eval_sequences.parquet",
    "manifest.json",
    "tokenizer.json",
    "train_tokens.safetensors",
    "vocabulary.parquet",
]


def _stage(name: str, about: str, deps: list[str], params: list[str], **outs: list) -> dict:
    return {
        "desc": about,
        "cmd": f"python -m stages.{name}",
        "deps": [*[path.as_posix() for path in code_digests.files(name)], *deps],
        **({"params": params} if params else {}),
        **outs,
    }


def _foreach(items: dict[str, dict], option: str, stage: dict) -> dict:
    """A stage once per item, in the syntax of DVC; items have names, and values to fill in."""
    about, command = stage.pop("desc"), stage.pop("cmd")
    return {
        "foreach": items,
        "do": {"desc": about, "cmd": f"{command} --{option} ${{key}}", **stage},
    }


def _corpus(params: list[str], folder: str) -> dict:
    return _stage(
        "corpus",
        "Text -> tokenizer, training stream, fixed evaluation set, manifest",
        ["data/params/checked"],
        params,
        outs=[f"{folder}/{name}" for name in CORPUS_FILES],
    )


def _per_cell(study: Study, section: str) -> dict:
    """The stages of every cell of `section`, which is cells or published."""
    items = {
        name: {"model": own.model, "corpus": cells.corpus_folder(own.corpus).as_posix()}
        for name, own in sorted(getattr(study, section).items())
    }

    def stage(name: str, about: str, deps: list[str], params: list[str], out: str) -> dict:
        own = f"{section}.${{key}}"
        return _foreach(items, "cell", _stage(name, about, deps, [own, *params], outs=[out]))

    trained = "data/train/${key}"
    evaluation = "${item.corpus}/eval.parquet"
    sequences = "${item.corpus}/eval_sequences.parquet"
    return {
        "train": stage(
            "train",
            "One model × seed -> checkpoints on a schedule, and the training log",
            ["${item.corpus}/train_tokens.safetensors"],
            ["device", "corpus.n_ctx", "corpus.vocab_size", "models.${item.model}", "train"],
            trained,
        ),
        "losses": stage(
            "losses",
            "Every checkpoint × the evaluation set -> per-token losses",
            [trained, evaluation],
            ["device", "losses"],
            "data/losses/${key}.parquet",
        ),
        "icl": stage(
            "icl",
            "Losses -> in-context-learning score with intervals, position curves, loss vectors",
            ["data/losses/${key}.parquet", sequences],
            ["corpus.n_ctx", "icl"],
            "data/icl/${key}",
        ),
        "heads": stage(
            "heads",
            "What every head is, at every checkpoint: by its attention and by its weights",
            [trained, evaluation, "${item.corpus}/vocabulary.parquet"],
            ["device", "heads"],
            "data/heads/${key}",
        ),
        "ablations": stage(
            "ablations",
            "Losses without each head, full and pattern-preserving, at every checkpoint",
            [trained, evaluation, sequences],
            ["device", "ablations", "icl.windows", "losses"],
            "data/ablations/${key}.parquet",
        ),
        "interventions": stage(
            "interventions",
            "Losses without sets of heads, without their pattern, with idealised patterns",
            [trained, evaluation, sequences, "data/heads/${key}/heads.parquet"],
            ["device", "icl.windows", "interventions", "losses"],
            "data/interventions/${key}",
        ),
        "circuits": stage(
            "circuits",
            "Weights read: token, position and K circuits; edges cut, paths kept, on text",
            [
                trained,
                *("${item.corpus}/" + name for name in READ_BY_CIRCUITS),
                "data/icl/${key}/icl.parquet",
                "data/heads/${key}/heads.parquet",
            ],
            ["circuits", "corpus.n_ctx", "heads", "icl.windows", "losses", "phases", "train"],
            "data/circuits/${key}",
        ),
    }


def _per_grid(study: Study, grid: str) -> dict:
    """The stages that join the cells of a grid."""
    names = study.grids()[grid]
    sections = ["cells", *([PUBLISHED] if grid else [])]

    def every(pattern: str, of: list[str] = names) -> list[str]:
        return [pattern.format(cell) for cell in of]

    def stage(name: str, about: str, deps: list[str], params: list[str], **outs: list) -> dict:
        found = _stage(name, about, deps, [*sections, *params], **outs)
        return _foreach({grid: {}}, "grid", found) if grid else found

    folder = f"reports/{grid}".rstrip("/")
    joint = (Path("data/pca") / grid / "pca.parquet").as_posix()
    phases, judged = (f"data/{name}/{grid}".rstrip("/") for name in ("phases", "claims"))
    metrics = {f"{folder}/metrics.json": {"cache": False}}
    return {
        "pca": stage(
            "pca",
            "Joint PCA of the loss vectors of all checkpoints of the cells on the study's text",
            every("data/icl/{}/sampled.parquet", study.on_its_text(grid)),
            ["pca"],
            outs=[joint],
        ),
        "phases": stage(
            "phases",
            "When every signal changes, with intervals, by two estimators, and which together",
            [
                *every("data/losses/{}.parquet"),
                *every("data/icl/{}/sampled.parquet"),
                *every("data/heads/{}/heads.parquet"),
                *every("data/heads/{}/probes.parquet"),
                *every("data/ablations/{}.parquet"),
            ],
            ["ablations", "corpus.n_ctx", "icl", "models", "phases", "train"],
            outs=[f"{phases}/{name}.parquet" for name in PHASES],
        ),
        "claims": stage(
            "claims",
            "The paper's claims and our controls, each decided by a rule of params.yaml",
            [
                "data/corpus/eval.parquet",
                *every("data/losses/{}.parquet"),
                *every("data/icl/{}/icl.parquet"),
                *every("data/icl/{}/positions.parquet"),
                joint,
                *every("data/heads/{}"),
                *every("data/ablations/{}.parquet"),
                *every("data/interventions/{}"),
                *[f"{phases}/{name}.parquet" for name in PHASES if name != "curves"],
            ],
            ["claims", "corpus.n_ctx", "icl.windows", "models", "train"],
            outs=[f"{judged}/claims.parquet", f"{judged}/evidence.parquet"],
        ),
        "report": stage(
            "report",
            "SQL over the tables -> reports/: the page, figures, summary, claims, metrics, plots",
            [
                *READ_BY_REPORT,
                *every("data/losses/{}.parquet"),
                *every("data/icl/{}/icl.parquet"),
                *every("data/icl/{}/positions.parquet"),
                joint,
                *every("data/heads/{}"),
                *every("data/ablations/{}.parquet"),
                *every("data/interventions/{}"),
                *every("data/circuits/{}"),
                *[f"{phases}/{name}.parquet" for name in PHASES if name != "curves"],
                f"{judged}/claims.parquet",
                f"{judged}/evidence.parquet",
            ],
            SHOWN_BY_REPORT,
            outs=[
                {f"{folder}/circuits.html": {"cache": False}},
                {f"{folder}/circuits.json": {"cache": False}},
                {f"{folder}/claims.json": {"cache": False}},
                # No plots: of two revisions DVC would show every figure twice, below its file name.
                {f"{folder}/figures": {"cache": False}},
                {f"{folder}/index.html": {"cache": False}},
                # Metrics of DVC are those of the study alone: with as many names in a second file,
                # it would put the file before every name.
                *([metrics] if grid else []),
                {f"{folder}/provenance.json": {"cache": False}},
                {f"{folder}/sequences.csv": {"cache": False}},
                {f"{folder}/summary.md": {"cache": False}},
            ],
            **({} if grid else {"metrics": [metrics]}),
            plots=[
                {f"{folder}/plots/{name}.csv": {"cache": False, **plots.properties(name, grid)}}
                for name in plots.PLOTS
            ],
        ),
    }


def pipeline(study: Study) -> dict:
    """The stages of dvc.yaml."""
    checked = _stage(
        "params",
        "All of params.yaml is checked before anything runs",
        ["params.yaml"],
        [],
        outs=["data/params/checked"],
    )
    return {
        "params": checked,
        "corpus": _corpus(["corpus"], "data/corpus"),
        **_per_cell(study, "cells"),
        **_per_grid(study, ""),
    }


def published(study: Study) -> dict:
    """The stages of published/dvc.yaml; none if params.yaml has nothing published."""
    found = {}
    if study.corpora:
        stage = _corpus(["corpus", "corpora.${key}"], "data/corpus/${key}")
        found["corpus"] = _foreach({name: {} for name in sorted(study.corpora)}, "corpus", stage)
    if study.published:
        found |= {**_per_cell(study, PUBLISHED), **_per_grid(study, PUBLISHED)}
    for entry in found.values():
        # Paths are those of the project, as in dvc.yaml.
        entry["do"] = {"wdir": "..", **entry["do"]}
    return found


def files(study: Study) -> dict[Path, dict]:
    """Each dvc.yaml and its stages, which may be none: then there should be no such file."""
    return {DVC: pipeline(study), Path(PUBLISHED) / DVC: published(study)}


@dataclass(frozen=True)
class Expanded:
    """One stage of a dvc.yaml, for one cell, corpus or grid; `cell` names it, or is empty."""

    name: str
    cell: str
    cmd: str
    deps: tuple[str, ...]
    params: frozenset[str]
    outs: tuple[str, ...]

    @property
    def label(self) -> str:
        return cells.label(self.name, self.cell)


def expanded(study: Study) -> list[Expanded]:
    """Every stage as DVC sees it, with the names of cells, models and corpora filled in."""
    found = []
    for stages in files(study).values():
        for name, entry in stages.items():
            body = entry.get("do", entry)
            named = [*body.get("outs", []), *body.get("metrics", []), *body.get("plots", [])]
            outs = [out if isinstance(out, str) else next(iter(out)) for out in named]
            for instance, values in entry.get("foreach", {"": {}}).items():
                filled = {"${key}": instance}
                filled |= {f"${{item.{key}}}": value for key, value in values.items()}

                def fill(text: str, filled: dict[str, str] = filled) -> str:
                    for name, value in filled.items():
                        text = text.replace(name, value)
                    return text

                found.append(
                    Expanded(
                        name,
                        instance,
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


def text(stages: dict) -> bytes:
    body = yaml.dump(
        {"stages": stages}, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True, indent=2
    )
    return (HEADER + body).encode()


def outdated(study: Study) -> list[Path]:
    """The files that are not what `study` and the code ask for."""
    return [
        path
        for path, stages in files(study).items()
        if (path.read_bytes() if path.is_file() else None) != (text(stages) if stages else None)
    ]


def update(study: Study) -> None:
    """Write every dvc.yaml that is not what it should be."""
    wanted = files(study)
    for path in outdated(study):
        if wanted[path]:
            path.parent.mkdir(exist_ok=True)
            write(path, text(wanted[path]))
            print(f"{path}: written anew", file=sys.stderr)
        else:
            remove(path)
            print(f"{path}: removed, for nothing is in it any more", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m induction.pipeline.plan", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check_only = parser.parse_args().check
    try:
        study = study_of(Params().all())
    except StageError as error:
        sys.exit(f"error: {error}")
    if not check_only:
        update(study)
    elif outdated(study):
        named = ", ".join(map(str, outdated(study)))
        sys.exit(f"error: {named}: does not match params.yaml and stages/; run `make plan`")


if __name__ == "__main__":
    main()

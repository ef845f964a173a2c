"""What can be wrong with the files of a stage, each problem with its remedy."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from induction.config.errors import StageError
from induction.config.params import Params
from induction.config.paths import DATA, REPORTS
from induction.config.remedy import address
from induction.config.study import Study
from induction.models import checkpoints
from induction.pipeline import corpus_text, layout
from induction.pipeline.artifacts import CHECKPOINTS, MANIFEST, TEXT, TOKENIZER, TRAIN_TOKENS
from induction.pipeline.declarations import stages
from induction.pipeline.dvc_lock import IGNORED, hashes, lock_of, md5, nothing, params_of
from induction.pipeline.plan import Expanded
from induction.tables.contract import Table
from induction.tables.parquet import provenance_of, row_groups
from induction.tables.provenance import Provenance, loads
from induction.tables.source import Source
from induction.text.files import IGNORE
from induction.text.stream import load_stream

Problems = Iterator[str]
# The provenance an artifact should have, if these params do not decide about it.
Expected = Callable[[tuple[str, ...]], Provenance]


def check_lock(stage: Expanded, locked: dict, params: Params, outs: dict[str, str]) -> Problems:
    """What DVC would run again, and what changed on disk without its knowledge.

    `outs` are all locked outputs by their paths.
    """
    lock, label = lock_of(stage.label), stage.label
    if locked["cmd"] != stage.cmd:
        yield f"{lock}: ran as {locked['cmd']!r}, dvc.yaml has {stage.cmd!r}; {_again(label)}"
    deps = hashes(locked, "deps")
    is_text = TEXT in stages()[stage.name].inputs
    for dep in sorted(deps.keys() ^ set(stage.deps)):
        yield f"{dep}: only one of {lock} and dvc.yaml has it as a dependency; {_again(label)}"
    for dep in sorted(deps.keys() & set(stage.deps)):
        path = Path(dep)
        if dep in outs:
            if outs[dep] != deps[dep]:
                yield f"{dep}: was made anew since this stage ran; {_again(label)}"
        elif not path.exists() and not dep.startswith(f"{DATA}/"):
            yield f"{dep}: not found; put back what this stage read, or change params.yaml"
        # A part of an output that was not pulled is no problem.
        elif path.exists() and md5(path, hidden if is_text else nothing) != deps[dep]:
            yield f"{dep}: changed since this stage ran; {_again(label)}"
    if params_of(locked) != params.values(stage.params):
        yield f"params.yaml: its values are not those this stage ran with; {_again(label)}"
    locked_outs = hashes(locked, "outs")
    for out in stage.outs:
        # Those of reports/ that Git has are not in DVC's cache.
        back = f"`git checkout -- {out}` or `dvc checkout --force {out}`"
        if out.startswith(f"{DATA}/"):
            back = f"`dvc checkout --force {out}`"
        if not Path(out).exists():
            yield f"{out}: not found; {back} or `dvc pull` brings it"
        elif md5(Path(out)) != locked_outs.get(out):
            yield (
                f"{out}: not the bytes that {lock} names; {back} brings them back, "
                f"{_anew(stage.label)}"
            )


def hidden(paths: Collection[Path]) -> list[Path]:
    """Those of the paths that .dvcignore hides from DVC.

    DVC takes a second to start, and is asked only where a .dvcignore says more than ours does.
    """
    folders = {folder for path in paths for folder in path.parents}
    files = [folder / IGNORE for folder in folders if (folder / IGNORE).exists()]
    lines = {line for file in files for line in file.read_text(encoding="utf-8").splitlines()}
    if all(line in ("", f"{IGNORED}/") or line.startswith("#") for line in lines):
        return [path for path in paths if IGNORED in path.parts]
    return corpus_text.hidden(paths)


def check_provenance(
    actual: Provenance, expected: Provenance, where: object, stage: str
) -> Problems:
    """Whether an artifact was made by this stage, of this cell, with the present code and params.

    Device and dtype are for the reader to judge.
    """
    for name, about in (
        ("stage", "by another stage"),
        ("cell", "for another cell"),
        ("code", "by other code, of hash"),
        ("params", "with other params, of hash"),
        ("text", "from other text, of hash"),
        ("versions", "with other versions"),
    ):
        left, right = getattr(actual, name), getattr(expected, name)
        if left != right:
            if name == "versions":
                left, right = sorted({*left} - {*right}), sorted({*right} - {*left})
            yield f"{where}: made {about} {left}, expected {right}; {_anew(stage)}"


def check_table(table: Table, source: Source, expected: Provenance, rows: int | None) -> Problems:
    """Schema, version, keys, NaN, the number of rows, and what made it."""
    parts = row_groups(table, source)
    count = sum(len(part[table.grain[0]]) for part in parts)
    if rows is not None and count != rows:
        yield f"{source.path}: found {count} rows, expected {rows}; {_anew(source.stage)}"
    actual = provenance_of(table, source)
    yield from check_provenance(actual, expected, source.path, source.stage)


def check_checkpoints(cell: str, study: Study, expected: Provenance) -> Problems:
    """One per step of the schedule, whole, finite, of this cell, and unlike any other of it.

    Cells may share weights: untrained ones do, of models that differ in positions alone.
    """
    seen: dict[str, Path] = {}
    source = layout.source_of(CHECKPOINTS, cell)
    folder, label = source.path, source.stage
    steps = study.trained_as(cell).schedule(study.corpus.n_ctx)
    names = {checkpoints.path_of(folder, step).name for step in steps} | {"log.parquet"}
    odd = sorted(names ^ {path.name for path in folder.iterdir()})
    if odd:
        yield f"{folder}: missing or not asked for: {', '.join(odd)}; {_anew(label)}"
    for path in checkpoints.listed(source):
        try:
            model, header = checkpoints.load(path)
        except StageError as error:
            yield str(error)
            continue
        yield from check_provenance(header.provenance, expected, path, label)
        per_step = study.train.batch * study.corpus.n_ctx
        if (
            path != checkpoints.path_of(folder, header.step)
            or header.tokens_seen != header.step * per_step
        ):
            says = f"says it is step {header.step}, {header.tokens_seen} tokens"
            yield f"{path}: {says}; {_anew(label)}"
        weights = hashlib.sha256()
        for value in model.state_dict().values():
            weights.update(value.numpy().tobytes())
        twin = seen.setdefault(weights.hexdigest(), path)
        if twin != path:
            yield f"{path}: the same weights as {twin}; {_anew(label)}"


def read_manifest(corpus: str) -> dict[str, Any]:
    """The manifest of a corpus. Raises StageError if it is unreadable."""
    source = layout.source_of(MANIFEST, corpus)
    try:
        content = json.loads(source.path.read_text(encoding="utf-8"))
        keys = ("documents_used", "train_tokens", "tokenizer_sha256")
        return {key: content[key] for key in keys} | {
            "provenance": json.dumps(content["provenance"])
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StageError(f"{source.path}: unreadable ({error!r}); {_anew(source.stage)}") from None


def check_corpus(
    corpus: str, manifest: dict[str, Any], vocab_size: int, is_suite: bool, expected: Expected
) -> Problems:
    """The files of a corpus that are no tables: manifest, tokenizer, token stream, which those of
    suites lack."""
    source = layout.source_of(MANIFEST, corpus)
    label = source.stage
    actual = loads(manifest["provenance"], source.path, lambda: _anew(label))
    yield from check_provenance(actual, expected(()), source.path, label)
    tokenizer = layout.source_of(TOKENIZER, corpus).path
    if manifest["tokenizer_sha256"] != hashlib.sha256(tokenizer.read_bytes()).hexdigest():
        yield f"{tokenizer}: not that of manifest.json; {_anew(label)}"
    if is_suite:
        return
    stream = layout.source_of(TRAIN_TOKENS, corpus)
    tokens, _, actual = load_stream(stream, vocab_size)
    yield from check_provenance(actual, expected(TRAIN_TOKENS.without), stream.path, label)
    if manifest["train_tokens"] != len(tokens):
        named = manifest["train_tokens"]
        yield f"{stream.path}: {len(tokens)} tokens, manifest.json has {named}; {_anew(label)}"


def check_report(grid: str, expected: Provenance) -> Problems:
    """What made the report."""
    path, label = REPORTS / grid / "provenance.json", layout.label("report", grid)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["report"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"{path}: unreadable ({error!r}); {_anew(label)}"
        return
    actual = loads(json.dumps(content), path, lambda: _anew(label))
    yield from check_provenance(actual, expected, path, label)


def strays(stages: list[Expanded]) -> Problems:
    """Files below data/ that no stage makes: of a cell that was removed, or laid there by hand."""
    outs = {Path(out) for stage in stages for out in stage.outs}
    for path in sorted(DATA.rglob("*")):
        if path.is_file() and not outs & {path, *path.parents}:
            yield f"{path}: no stage makes it; `dvc checkout` or remove it"


# Called where there is a problem, and nowhere else: they read params.yaml.
def _again(stage: str) -> str:
    return f"run `dvc repro {address(stage)}`"


def _anew(stage: str) -> str:
    return f"`dvc repro --force --single-item {address(stage)}` makes it anew"

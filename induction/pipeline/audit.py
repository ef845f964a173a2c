"""What can be wrong with the files of a stage, each problem with its remedy."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from induction.config.errors import StageError
from induction.config.params import Params
from induction.config.paths import DATA
from induction.config.remedy import address, corpus_in
from induction.config.study import Study
from induction.models import checkpoints
from induction.pipeline.cells import corpus_folder
from induction.pipeline.cells import label as label_of
from induction.pipeline.dvc_lock import hashes, lock_of, md5, params_of
from induction.pipeline.plan import Expanded
from induction.tables.contract import Table
from induction.tables.duck import Source
from induction.tables.parquet import provenance_of, row_groups
from induction.tables.provenance import Provenance, loads
from induction.text.stream import EVALUATION_PARAMS, load_stream
from induction.text.stream import NAME as STREAM

Problems = Iterator[str]
# Provenance as it should be, of an artifact about which some params do not decide.
Wanted = Callable[[tuple[str, ...]], Provenance]


def check_lock(stage: Expanded, locked: dict, params: Params, outs: dict[str, str]) -> Problems:
    """What DVC would run again, and what changed on disk behind its back.

    `outs` are all locked outputs by their paths.
    """
    lock, label = lock_of(stage.label), stage.label
    if locked["cmd"] != stage.cmd:
        yield f"{lock}: ran as {locked['cmd']!r}, dvc.yaml has {stage.cmd!r}; {_again(label)}"
    deps = hashes(locked, "deps")
    for dep in sorted(deps.keys() ^ set(stage.deps)):
        yield f"{dep}: only one of {lock} and dvc.yaml has it as a dependency; {_again(label)}"
    for dep in sorted(deps.keys() & set(stage.deps)):
        path = Path(dep)
        if dep in outs:
            if outs[dep] != deps[dep]:
                yield f"{dep}: was made anew since this stage ran; {_again(label)}"
        # A part of an output that was not pulled is no problem.
        elif (path.exists() or not dep.startswith("data/")) and md5(path) != deps[dep]:
            yield f"{dep}: changed since this stage ran; {_again(label)}"
    if params_of(locked) != params.values(stage.params):
        yield f"params.yaml: its values are not those this stage ran with; {_again(label)}"
    found = hashes(locked, "outs")
    for out in stage.outs:
        # Reports are in Git, not in DVC's cache.
        in_git = out.startswith("reports/")
        back = f"git checkout -- {out}" if in_git else f"dvc checkout --force {out}"
        if not Path(out).exists():
            yield f"{out}: not found; `{back}`{'' if in_git else ' or `dvc pull`'} brings it"
        elif md5(Path(out)) != found.get(out):
            yield (
                f"{out}: not the bytes that {lock} names; `{back}` brings them back, "
                f"{_anew(stage.label)}"
            )


def check_made(found: Provenance, wanted: Provenance, where: object, stage: str) -> Problems:
    """Whether an artifact was made by this stage, of this cell, with the present code and params.

    Device and dtype are for the reader to judge.
    """
    for name, about in (
        ("stage", "by another stage"),
        ("cell", "for another cell"),
        ("code", "by other code, of hash"),
        ("params", "with other params, of hash"),
        ("versions", "with other versions"),
    ):
        own, expected = getattr(found, name), getattr(wanted, name)
        if own != expected:
            if name == "versions":
                own, expected = sorted({*own} - {*expected}), sorted({*expected} - {*own})
            yield f"{where}: made {about} {own}, expected {expected}; {_anew(stage)}"


def check_table(table: Table, source: Source, wanted: Provenance, rows: int | None) -> Problems:
    """Schema, version, keys, NaN, the number of rows, and who made it."""
    parts = row_groups(table, source.path, source.stage)
    count = sum(len(part[table.grain[0]]) for part in parts)
    if rows is not None and count != rows:
        yield f"{source.path}: found {count} rows, expected {rows}; {_anew(source.stage)}"
    made = provenance_of(table, source.path, source.stage)
    yield from check_made(made, wanted, source.path, source.stage)


def check_checkpoints(cell: str, study: Study, wanted: Provenance) -> Problems:
    """One per step of the schedule, whole, finite, of this cell, and unlike any other of it.

    Cells may share weights: untrained ones do, of models that differ in positions alone.
    """
    seen: dict[str, Path] = {}
    folder, label = DATA / "train" / cell, f"train@{cell}"
    steps = study.trained_as(cell).schedule(study.corpus.n_ctx)
    expected = {checkpoints.path_of(folder, step).name for step in steps} | {"log.parquet"}
    odd = sorted(expected ^ {path.name for path in folder.iterdir()})
    if odd:
        yield f"{folder}: missing or not asked for: {', '.join(odd)}; {_anew(label)}"
    for path in checkpoints.listed(folder, label):
        try:
            model, header = checkpoints.load(path)
        except StageError as error:
            yield str(error)
            continue
        yield from check_made(header.provenance, wanted, path, label)
        per_step = study.train.batch * study.corpus.n_ctx
        if (
            path != checkpoints.path_of(folder, header.step)
            or header.tokens_seen != header.step * per_step
        ):
            said = f"says it is step {header.step}, {header.tokens_seen} tokens"
            yield f"{path}: {said}; {_anew(label)}"
        weights = hashlib.sha256()
        for value in model.state_dict().values():
            weights.update(value.numpy().tobytes())
        twin = seen.setdefault(weights.hexdigest(), path)
        if twin != path:
            yield f"{path}: the same weights as {twin}; {_anew(label)}"


def read_manifest(corpus: str) -> dict[str, Any]:
    """The manifest of a corpus. Raises StageError if it is unreadable."""
    path = corpus_folder(corpus) / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: found[key] for key in ("documents_used", "train_tokens", "tokenizer_sha256")
        } | {"provenance": json.dumps(found["provenance"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        remedy = _anew(corpus_in(path.parent))
        raise StageError(f"{path}: unreadable ({error!r}); {remedy}") from None


def check_corpus(
    corpus: str, manifest: dict[str, Any], vocab_size: int, wanted: Wanted
) -> Problems:
    """What of a corpus is no table: manifest, tokenizer, token stream."""
    folder = corpus_folder(corpus)
    label = corpus_in(folder)
    made = loads(manifest["provenance"], folder / "manifest.json", lambda: _anew(label))
    yield from check_made(made, wanted(()), folder / "manifest.json", label)
    tokenizer = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    if manifest["tokenizer_sha256"] != tokenizer:
        yield f"{folder}/tokenizer.json: not that of manifest.json; {_anew(label)}"
    tokens, _, by = load_stream(folder, vocab_size)
    yield from check_made(by, wanted(EVALUATION_PARAMS), folder / STREAM, label)
    if manifest["train_tokens"] != len(tokens):
        named = manifest["train_tokens"]
        yield f"{folder / STREAM}: {len(tokens)} tokens, manifest.json has {named}; {_anew(label)}"


def check_report(grid: str, wanted: Provenance) -> Problems:
    path, label = Path("reports") / grid / "provenance.json", label_of("report", grid)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["report"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"{path}: unreadable ({error!r}); {_anew(label)}"
        return
    yield from check_made(loads(json.dumps(found), path, lambda: _anew(label)), wanted, path, label)


def strays(found: list[Expanded]) -> Problems:
    """Files below data/ that no stage makes: of a cell that was removed, or laid there by hand."""
    outs = {Path(out) for stage in found for out in stage.outs}
    for path in sorted(DATA.rglob("*")):
        if path.is_file() and not outs & {path, *path.parents}:
            yield f"{path}: no stage makes it; `dvc checkout` or remove it"


# Asked for where there is a problem, and nowhere else: they read params.yaml.
def _again(stage: str) -> str:
    return f"run `dvc repro {address(stage)}`"


def _anew(stage: str) -> str:
    return f"`dvc repro --force --single-item {address(stage)}` makes it anew"

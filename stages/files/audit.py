"""What can be wrong with the files of a stage, each problem with its remedy."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stages.files import checkpoints
from stages.files.duck import Source
from stages.files.locked import LOCK, hashes, md5, params_of
from stages.files.params import Params
from stages.files.provenance import Provenance, loads
from stages.files.stage import DATA, StageError
from stages.files.stream import PATH as STREAM
from stages.files.stream import WITHOUT, check_stream
from stages.files.tables import provenance_of, row_groups
from stages.lib.tables.contract import Table
from stages.plan import Expanded
from stages.settings.study import Study

Problems = Iterator[str]
# Provenance as it should be, of an artifact about which some params do not decide.
Wanted = Callable[[tuple[str, ...]], Provenance]


def check_lock(stage: Expanded, locked: dict, params: Params, outs: dict[str, str]) -> Problems:
    """What DVC would run again, and what changed on disk behind its back.

    `outs` are all locked outputs by their paths.
    """
    again = f"run `dvc repro {stage.label}`"
    if locked["cmd"] != stage.cmd:
        yield f"{LOCK}: ran as {locked['cmd']!r}, dvc.yaml has {stage.cmd!r}; {again}"
    deps = hashes(locked, "deps")
    for dep in sorted(deps.keys() ^ set(stage.deps)):
        yield f"{dep}: only one of {LOCK} and dvc.yaml has it as a dependency; {again}"
    for dep in sorted(deps.keys() & set(stage.deps)):
        path = Path(dep)
        if dep in outs:
            if outs[dep] != deps[dep]:
                yield f"{dep}: was made anew since this stage ran; {again}"
        # A part of an output that was not pulled is no problem.
        elif (path.exists() or not dep.startswith("data/")) and md5(path) != deps[dep]:
            yield f"{dep}: changed since this stage ran; {again}"
    if params_of(locked) != params.values(stage.params):
        yield f"params.yaml: its values are not those this stage ran with; {again}"
    found = hashes(locked, "outs")
    for out in stage.outs:
        # Reports are in Git, not in DVC's cache.
        in_git = out.startswith("reports/")
        back = f"git checkout -- {out}" if in_git else f"dvc checkout --force {out}"
        if not Path(out).exists():
            yield f"{out}: not found; `{back}`{'' if in_git else ' or `dvc pull`'} brings it"
        elif md5(Path(out)) != found.get(out):
            yield (
                f"{out}: not the bytes that {LOCK} names; `{back}` brings them back, "
                f"{_anew(stage.label)}"
            )


def check_made(found: Provenance, wanted: Provenance, where: object, stage: str) -> Problems:
    """Whether an artifact was made by this stage, of this cell, with the present code and params.

    Device and dtype are for the reader to judge.
    """
    remedy = _anew(stage)
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
            yield f"{where}: made {about} {own}, expected {expected}; {remedy}"


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
    folder = DATA / "train" / cell
    remedy = _anew(f"train@{cell}")
    steps = study.train.schedule(study.corpus.n_ctx)
    expected = {checkpoints.path_of(folder, step).name for step in steps} | {"log.parquet"}
    odd = sorted(expected ^ {path.name for path in folder.iterdir()})
    if odd:
        yield f"{folder}: missing or not asked for: {', '.join(odd)}; {remedy}"
    for path in checkpoints.listed(folder, f"train@{cell}"):
        try:
            model, header = checkpoints.load(path)
        except StageError as error:
            yield str(error)
            continue
        yield from check_made(header.provenance, wanted, path, f"train@{cell}")
        per_step = study.train.batch * study.corpus.n_ctx
        if (
            path != checkpoints.path_of(folder, header.step)
            or header.tokens_seen != header.step * per_step
        ):
            yield f"{path}: says it is step {header.step}, {header.tokens_seen} tokens; {remedy}"
        weights = hashlib.sha256()
        for value in model.state_dict().values():
            weights.update(value.numpy().tobytes())
        twin = seen.setdefault(weights.hexdigest(), path)
        if twin != path:
            yield f"{path}: the same weights as {twin}; {remedy}"


def read_manifest() -> dict[str, Any]:
    """The corpus's manifest. Raises StageError if it is unreadable."""
    path = DATA / "corpus" / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: found[key] for key in ("documents_used", "train_tokens", "tokenizer_sha256")
        } | {"provenance": json.dumps(found["provenance"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StageError(f"{path}: unreadable ({error!r}); {_anew('corpus')}") from None


def check_corpus(manifest: dict[str, Any], wanted: Wanted) -> Problems:
    """What of the corpus is no table: manifest, tokenizer, token stream."""
    folder, remedy = DATA / "corpus", _anew("corpus")
    made = loads(manifest["provenance"], folder / "manifest.json", remedy)
    yield from check_made(made, wanted(()), folder / "manifest.json", "corpus")
    tokenizer = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    if manifest["tokenizer_sha256"] != tokenizer:
        yield f"{folder}/tokenizer.json: not that of manifest.json; {remedy}"
    n_tokens, by = check_stream()
    yield from check_made(by, wanted(WITHOUT), STREAM, "corpus")
    if manifest["train_tokens"] != n_tokens:
        named = manifest["train_tokens"]
        yield f"{STREAM}: {n_tokens} tokens, manifest.json has {named}; {remedy}"


def check_report(wanted: Provenance) -> Problems:
    path = Path("reports/provenance.json")
    remedy = _anew("report")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["report"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"{path}: unreadable ({error!r}); {remedy}"
        return
    yield from check_made(loads(json.dumps(found), path, remedy), wanted, path, "report")


def strays(found: list[Expanded]) -> Problems:
    """Files below data/ that no stage makes: of a cell that was removed, or laid there by hand."""
    outs = {Path(out) for stage in found for out in stage.outs}
    for path in sorted(DATA.rglob("*")):
        if path.is_file() and not outs & {path, *path.parents}:
            yield f"{path}: no stage makes it; `dvc checkout` or remove it"


def _anew(stage: str) -> str:
    return f"`dvc repro --force --single-item {stage}` makes it anew"

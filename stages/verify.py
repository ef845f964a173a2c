"""Whether everything on disk is what it says it is, and what dvc.lock, params.yaml and the code
say: hashes, provenance, schemas, row counts, keys, NaN, checkpoints that should differ.

Prints a line per stage, and every problem with its remedy. Exit status: 0 if there is none.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stages import plan
from stages.files import checkpoints, code
from stages.files.catalog import sources
from stages.files.duck import Source
from stages.files.locked import LOCK, hashes, md5, params_of, read_lock
from stages.files.params import Params
from stages.files.provenance import Provenance, hash_params, loads, versions
from stages.files.stage import DATA, StageError, progress
from stages.files.stream import WITHOUT, check_stream
from stages.files.tables import provenance_of, row_groups
from stages.lib.tables.contract import Table
from stages.settings.strict import ParamsError, parse
from stages.settings.study import Study

Problems = Iterator[str]


@dataclass
class Stage:
    """One stage of dvc.yaml, for one cell or for all, as it should be."""

    name: str
    cell: str
    cmd: str
    deps: list[str]
    params: set[str]
    outs: list[str]
    problems: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.name}@{self.cell}" if self.cell else self.name

    @property
    def is_here(self) -> bool:
        return any(Path(out).exists() for out in self.outs)


def stages(study: Study) -> list[Stage]:
    """Every stage of dvc.yaml, with names of cells and models filled in."""
    found = []
    for name, body in plan.pipeline(sorted(study.cells)).items():
        inner = body.get("do", body)
        for cell in sorted(study.cells) if "foreach" in body else [""]:
            model = study.cells[cell].model if cell else ""

            def fill(text: str, cell: str = cell, model: str = model) -> str:
                return text.replace("${key}", cell).replace("${item.model}", model)

            outs = [*inner.get("outs", []), *inner.get("metrics", []), *inner.get("plots", [])]
            found.append(
                Stage(
                    name,
                    cell,
                    fill(inner["cmd"]),
                    [fill(dep) for dep in inner["deps"]],
                    {fill(key) for key in inner.get("params", [])},
                    [fill(out if isinstance(out, str) else next(iter(out))) for out in outs],
                )
            )
    return found


def check_lock(stage: Stage, locked: dict, params: Params, outs: dict[str, str]) -> Problems:
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
        if not dep.startswith("data/") and md5(Path(dep)) != deps[dep]:
            yield f"{dep}: changed since this stage ran; {again}"
        elif outs.get(dep, deps[dep]) != deps[dep]:
            yield f"{dep}: was made anew since this stage ran; {again}"
    if params_of(locked) != params.values(stage.params):
        yield f"params.yaml: its values are not those this stage ran with; {again}"
    found = hashes(locked, "outs")
    for out in stage.outs:
        if not Path(out).exists():
            yield f"{out}: not found; `dvc checkout` or `dvc pull` brings it"
        elif md5(Path(out)) != found.get(out):
            yield (
                f"{out}: not the bytes that {LOCK} names; `dvc checkout --force {out}` brings "
                f"them back, `dvc repro --force --single-item {stage.label}` makes them anew"
            )


def check_made(found: Provenance, wanted: Provenance, where: object, stage: str) -> Problems:
    """Whether an artifact was made by this stage, of this cell, with the present code and params.

    Device and dtype are for the reader to judge.
    """
    remedy = f"`dvc repro --force --single-item {stage}` makes it anew"
    for name, about in (
        ("stage", "stage"),
        ("cell", "cell"),
        ("code", "code whose hash"),
        ("params", "params whose hash"),
        ("versions", "versions"),
    ):
        own, expected = getattr(found, name), getattr(wanted, name)
        if own != expected:
            if name == "versions":
                own, expected = sorted({*own} - {*expected}), sorted({*expected} - {*own})
            yield f"{where}: made by another {about}: {own}, expected {expected}; {remedy}"


def check_table(table: Table, source: Source, wanted: Provenance, rows: int) -> Problems:
    """Schema, version, keys, NaN, the number of rows, and who made it."""
    parts = row_groups(table, source.path, source.stage)
    count = sum(len(part[table.grain[0]]) for part in parts)
    if count != rows:
        yield (
            f"{source.path}: found {count} rows, expected {rows}; "
            f"`dvc repro --force --single-item {source.stage}` makes it anew"
        )
    made = provenance_of(table, source.path, source.stage)
    yield from check_made(made, wanted, source.path, source.stage)


def check_checkpoints(
    cell: str, study: Study, wanted: Provenance, seen: dict[str, Path]
) -> Problems:
    """One per step of the schedule, whole, finite, of this cell, and unlike any other."""
    folder = DATA / "train" / cell
    remedy = f"`dvc repro --force --single-item train@{cell}` makes them anew"
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


def row_counts(study: Study, manifest: dict) -> Callable[[str, str], int]:
    """How many rows each table must have, by its name and cell."""
    steps = study.train.schedule(study.corpus.n_ctx)
    n_ctx, n_seq = study.corpus.n_ctx, study.corpus.evaluation.sequences

    def of_cell(name: str, cell: str) -> int:
        model = study.models[study.cells[cell].model]
        heads = model.n_layers * model.n_heads
        ablated = 1 + heads * len(study.ablations.modes)
        return {
            "log": steps[-1],
            "losses": len(steps) * n_seq * (n_ctx - 1),
            "icl": len(steps),
            "icl_positions": len(steps) * (n_ctx - 1),
            "icl_sampled": len(steps) * n_seq,
            "heads": len(steps) * heads,
            "ablations": len(steps) * study.ablations.sequences * ablated,
        }[name]

    def count(name: str, cell: str) -> int:
        if cell:
            return of_cell(name, cell)
        return {
            "documents": manifest.get("documents_used"),
            "vocabulary": study.corpus.vocab_size,
            "eval": n_seq * n_ctx,
            "eval_sequences": n_seq,
            "pca": len(study.cells) * len(steps) * study.pca.components,
        }[name]

    return count


def strays(found: list[Stage]) -> Problems:
    """Files below data/ that no stage makes: of a cell that was removed, or laid there by hand."""
    outs = {Path(out) for stage in found for out in stage.outs}
    for path in sorted(DATA.rglob("*")):
        if path.is_file() and not outs & {path, *path.parents}:
            yield f"{path}: no stage makes it; `dvc checkout` or remove it"


def check_all(study: Study, params: Params) -> list[Stage]:
    """Every stage with its problems; one of its own, `data`, for what no stage makes."""
    found, locked, seen = stages(study), read_lock(), {}
    outs = {path: own for stage in locked.values() for path, own in hashes(stage, "outs").items()}
    manifest = {}
    for stage in progress(found, "verify", "stage"):
        if not stage.is_here:
            continue

        def wanted(without: tuple[str, ...] = (), stage: Stage = stage) -> Provenance:
            made_by = code.combine(code.digests(code.files(stage.name)))
            read = hash_params(params.values(stage.params), without)
            return Provenance(stage.name, stage.cell, made_by, read, versions(), "", "")

        def note(check: Problems, stage: Stage = stage) -> None:
            try:
                stage.problems += list(check)
            except StageError as error:
                stage.problems.append(str(error))

        if stage.label in locked:
            note(check_lock(stage, locked[stage.label], params, outs))
        else:
            stage.problems.append(f"{LOCK}: does not know it; run `dvc repro {stage.label}`")
        if stage.name == "corpus":
            manifest = note_manifest(stage, wanted, note)
        if stage.name == "train":
            note(check_checkpoints(stage.cell, study, wanted(), seen))
        if stage.name == "report":
            note(check_report(wanted()))
        rows = row_counts(study, manifest)
        for table, own in sources(sorted(study.cells)).items():
            for source in own:
                if source.stage == stage.label:
                    expected = rows(table.name, stage.cell)
                    note(check_table(table, source, wanted(table.without), expected))
    return [*found, Stage("data", "", "", [], set(), [str(DATA)], list(strays(found)))]


def note_manifest(
    stage: Stage,
    wanted: Callable[[tuple[str, ...]], Provenance],
    note: Callable[[Problems], None],
) -> dict:
    """Check what of the corpus is no table; returns the manifest, empty if it is unreadable."""
    folder = DATA / "corpus"
    remedy = "`dvc repro --force --single-item corpus` makes it anew"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        made = loads(json.dumps(manifest["provenance"]), folder / "manifest.json", remedy)
        tokenizer = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
        n_tokens, by = check_stream()
        note(check_made(made, wanted(()), folder / "manifest.json", "corpus"))
        note(check_made(by, wanted(WITHOUT), folder / "train_tokens.safetensors", "corpus"))
        if manifest["tokenizer_sha256"] != tokenizer:
            stage.problems.append(f"{folder}/tokenizer.json: not that of manifest.json; {remedy}")
        if manifest["train_tokens"] != n_tokens:
            stage.problems.append(
                f"{folder}: {n_tokens} training tokens, manifest.json has "
                f"{manifest['train_tokens']}; {remedy}"
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        stage.problems.append(f"{folder}/manifest.json: unreadable ({error}); {remedy}")
        return {}
    except StageError as error:
        stage.problems.append(str(error))
    return manifest


def check_report(wanted: Provenance) -> Problems:
    path = Path("reports/provenance.json")
    remedy = "`dvc repro --force --single-item report` makes it anew"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["report"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{path}: unreadable ({error}); {remedy}"
        return
    yield from check_made(loads(json.dumps(found), path, remedy), wanted, path, "report")


def main() -> None:
    argparse.ArgumentParser(prog="python -m stages.verify", description=__doc__).parse_args()
    try:
        params = Params()
        study = parse(Study, params.all(), "")
        if not plan.is_written(study):
            raise StageError("dvc.yaml: does not match params.yaml and stages/; run `make plan`")
        found = check_all(study, params)
    except (StageError, ParamsError) as error:
        sys.exit(f"error: {error}")
    here = [stage for stage in found if stage.is_here]
    for stage in here:
        print(f"{'BAD ' if stage.problems else 'ok  '} {stage.label}")
        for problem in stage.problems:
            print(f"     {problem}")
    absent = [stage.label for stage in found if not stage.is_here]
    if absent:
        print(f"not here (`dvc pull` or `make study` brings it): {', '.join(absent)}")
    problems = sum(len(stage.problems) for stage in here)
    print(f"{len(here)} stages checked, {problems or 'no'} problem{'s' * (problems != 1)}")
    sys.exit(1 if problems or not here else 0)


if __name__ == "__main__":
    main()

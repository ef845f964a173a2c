"""dvc.yaml: the study as DVC sees it, from params.yaml and what the stages declare.

Every file that a stage reads is written out, so that dvc.yaml can be read, and DVC needs nothing
of ours to run it. What `make published` adds lies in published/dvc.yaml, so that `dvc repro` runs
the study alone; what suites of foreign checkpoints need before they join it, in suites/dvc.yaml.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from induction.config.cells import Cell
from induction.config.names import PUBLISHED, SUITES
from induction.config.study import Study
from induction.config.suites import Suite
from induction.pipeline import code_digests, corpus_text, layout
from induction.pipeline.artifacts import (
    CHECKPOINTS,
    DIGESTS,
    MANIFEST,
    OF_CELLS,
    PINS,
    TEXT,
    Artifact,
    File,
    OfEveryCorpus,
    Output,
    Product,
    ProjectFile,
)
from induction.pipeline.declarations import Stage, stages, writer_of
from induction.pipeline.job import params_of
from induction.tables.atomic import remove, write

DVC = Path("dvc.yaml")
HEADER = """\
# The study, in order. Written by `make plan` from params.yaml and what the modules in stages/
# declare: edit those, not this file.
"""
# The name of an instance, the corpus and model of a cell, the text of a corpus, and of a suite its
# name and where it lies, as DVC fills them in.
KEY, CORPUS, MODEL, TEXT_OF_ITEM = "${key}", "${item.corpus}", "${item.model}", "${item.text}"
SUITE, AT, TOKENIZER_OF_ITEM = "${item.suite}", "${item.at}", "${item.tokenizer}"
# The variable of a dvc.yaml that holds its cells; `cells` would be that of params.yaml.
CELLS = "cells_here"


@dataclass(frozen=True)
class Expanded:
    """One stage of a dvc.yaml, for one instance."""

    file: Path
    name: str
    instance: str
    cmd: str
    deps: tuple[str, ...]
    params: frozenset[str]
    outs: tuple[str, ...]

    @property
    def label(self) -> str:
        return layout.label(self.name, self.instance)

    @property
    def address(self) -> str:
        """How DVC calls it."""
        return self.label if self.file == DVC else f"{self.file.as_posix()}:{self.label}"


@dataclass(frozen=True)
class DvcFile:
    """A dvc.yaml: its stages, and the cells that those per cell run for."""

    stages: dict[str, dict[str, Any]]
    cells: dict[str, dict[str, str]]

    def text(self) -> bytes:
        variables = (
            {"vars": [{CELLS: {name: _FlowMapping(cell) for name, cell in self.cells.items()}}]}
            if self.cells
            else {}
        )
        body = yaml.dump(
            {**variables, "stages": self.stages},
            Dumper=_Dumper,
            sort_keys=False,
            width=100,
            allow_unicode=True,
            indent=2,
        )
        return (HEADER + body).encode()


def files(study: Study) -> dict[Path, DvcFile]:
    """Each dvc.yaml. If one has no stages, there should be no such file."""
    return {
        DVC: DvcFile(_pipeline(study), _cells(study, study.trained_cells(study.cells))),
        Path(SUITES) / DVC: DvcFile(_suites(study), _cells(study, _suite_cells(study))),
        Path(PUBLISHED) / DVC: DvcFile(_published(study), _cells(study, study.published)),
    }


def expanded(study: Study) -> list[Expanded]:
    """Every stage as DVC sees it, with the names of cells, models and corpora filled in."""
    result = []
    for path, file in files(study).items():
        for name, entry in file.stages.items():
            body, items = entry.get("do", entry), entry.get("foreach", {"": {}})
            for instance, item in (items if isinstance(items, dict) else file.cells).items():
                fill = _filler(instance, item)
                outs = [
                    path if isinstance(path, str) else next(iter(path))
                    for kind in ("outs", "metrics", "plots")
                    for path in body.get(kind, [])
                ]
                result.append(
                    Expanded(
                        path,
                        name,
                        instance,
                        fill(body["cmd"]),
                        tuple(map(fill, body["deps"])),
                        frozenset(map(fill, body.get("params", []))),
                        tuple(map(fill, outs)),
                    )
                )
    return result


def outdated(study: Study) -> list[Path]:
    """The files that differ from what `study` and the stages ask for."""
    return [
        path
        for path, file in files(study).items()
        if (path.read_bytes() if path.is_file() else None) != (file.text() if file.stages else None)
    ]


def update(study: Study) -> None:
    """Write every dvc.yaml that is out of date."""
    planned = files(study)
    for path in outdated(study):
        if planned[path].stages:
            path.parent.mkdir(exist_ok=True)
            write(path, planned[path].text())
            print(f"{path}: written", file=sys.stderr)
        else:
            remove(path)
            print(f"{path}: removed, because no stage is left in it", file=sys.stderr)


def _pipeline(study: Study) -> dict[str, dict]:
    """The stages of dvc.yaml; where all cells are suites, those alone that come before cells."""
    left_out = {"suite"} if study.trained_cells(study.cells) else {"suite", "grid", *OF_CELLS}
    return {
        stage.name: _foreach(study, stage, "cells")
        if stage.is_of_cell
        else _entry(stage, "", "cells", study)
        for stage in stages().values()
        if stage.per not in left_out
    }


def _suite_cells(study: Study) -> list[str]:
    return [name for name, cell in study.cells.items() if cell.suite]


def _suites(study: Study) -> dict[str, dict]:
    """The stages of suites/dvc.yaml; none if no cell is a suite."""
    return {
        stage.name: _in_project(_foreach(study, stage, SUITES))
        for stage in stages().values()
        if stage.per in ("corpus", "cell", "suite", "grid") and _suite_cells(study)
    }


def _in_project(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of another dvc.yaml, whose paths are those of the project, as in dvc.yaml."""
    return entry | {"do": {"wdir": "..", **entry["do"]}}


def _published(study: Study) -> dict[str, dict]:
    """The stages of published/dvc.yaml; none if params.yaml has nothing published."""
    entries = {}
    for stage in stages().values():
        is_there = study.corpora if stage.per == "corpus" else stage.per and study.published
        if is_there and stage.per != "suite":
            entries[stage.name] = _in_project(_foreach(study, stage, PUBLISHED))
    return entries


def _cells(study: Study, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """What DVC fills into the stages of each cell."""
    return {name: _item(study, study.every_cell[name]) for name in sorted(names)}


def _item(study: Study, cell: Cell) -> dict[str, str]:
    corpus = layout.folder_of("corpus", cell.corpus_instance)
    if not cell.suite:
        return {"model": cell.model, "corpus": corpus.as_posix()}
    suite = study.suites[cell.suite]
    # A hub has nothing here that could change; as the items are alike, the manifest stands in.
    at = layout.source_of(MANIFEST, cell.suite).path if suite.source == "hub" else suite.at
    return {"suite": cell.suite, "corpus": corpus.as_posix(), "at": Path(at).as_posix()}


def _tokenizer(suite: Suite) -> dict[str, str]:
    """What a suite's tokenizer is read from, where it lies beside the weights. Of a hub nothing
    here could change; as the items are alike, the pins of its client stand in, as they do for a
    tokenizer of another name, which may be a folder or a repository of the hub."""
    is_beside = suite.source != "hub" and not suite.tokenizer
    return {"tokenizer": Path(suite.at).as_posix() if is_beside else PINS.name}


def _foreach(study: Study, stage: Stage, section: str) -> dict[str, Any]:
    """A stage once per cell of a section, per corpus of `corpora` or tokens of a suite, or for the
    published grid."""
    if stage.is_of_cell:
        return {"foreach": f"${{{CELLS}}}", "do": _entry(stage, KEY, section, study)}
    if stage.per == "corpus":
        suites = [study.cells[name].suite for name in _suite_cells(study)]
        items = {
            name: {"text": corpus_text.dependency(corpus_text.settings_of(study, name)).as_posix()}
            for name in sorted(suites if section == SUITES else study.corpora)
        }
        if section == SUITES:
            items = {name: item | _tokenizer(study.suites[name]) for name, item in items.items()}
        return {"foreach": items, "do": _entry(stage, KEY, section, study)}
    if section == SUITES:
        return {"foreach": f"${{{CELLS}}}", "do": _entry(stage, KEY, section, study)}
    # Every cell is named, so that the entry has to be filled in here.
    entry = _entry(stage, PUBLISHED, section, study)
    entry["cmd"] = entry["cmd"].replace(PUBLISHED, KEY)
    return {"foreach": {PUBLISHED: {}}, "do": entry}


def _entry(stage: Stage, instance: str, section: str, study: Study) -> dict[str, Any]:
    """A stage for an instance, whose name may be filled in by DVC."""
    option = f" --{stage.option} {instance}" if instance else ""
    code = [] if DIGESTS in stage.outputs else [code_digests.planned(stage.name).as_posix()]
    if section == SUITES:
        suite = SUITE if stage.is_of_cell else KEY
        params = params_of(stage, "cells", instance, suite=suite)
    else:
        params = params_of(stage, section, instance, MODEL)
    at = [AT] if stage.per == "suite" else []
    return {
        "desc": stage.about,
        "cmd": f"python -m stages.{stage.name}{option}",
        "deps": [*code, *at, *_deps(stage, instance, section, study)],
        **({"params": _Flow(sorted(params))} if params else {}),
        **_outs(stage, instance, section == SUITES),
    }


def _deps(stage: Stage, instance: str, section: str, study: Study) -> list[str]:
    """The inputs of a stage, in the order of their folders.

    Where a stage that joins cells reads several tables of one folder, it depends on the folder:
    they come from one run, and dvc.yaml would name each of them for each cell.
    """
    names: dict[str, set[str]] = {}
    joined: set[str] = set()
    for artifact in stage.artifacts_read:
        writer = writer_of(artifact)
        for folder in _folders(artifact, writer, stage, instance, section, study):
            names.setdefault(folder, set()).add(layout.file_name(artifact))
            if writer.is_of_cell and stage.per == "grid":
                joined.add(folder)
    paths = [each.name for each in stage.inputs if isinstance(each, ProjectFile)]
    if TEXT in stage.inputs:
        text = corpus_text.dependency(study.corpus).as_posix()
        paths.append(TEXT_OF_ITEM if instance == KEY else text)
        paths += [TOKENIZER_OF_ITEM] if section == SUITES else []
    for folder, read in names.items():
        # The folder itself is an artifact without a name.
        is_whole = "" in read or (folder in joined and len(read) > 1)
        paths += [folder] if is_whole else [f"{folder}/{name}" for name in sorted(read)]
    return paths


def _folders(
    artifact: Artifact, writer: Stage, stage: Stage, instance: str, section: str, study: Study
) -> list[str]:
    """The folders in which a stage finds an artifact."""
    if section == SUITES:
        return _folders_of_suite(artifact, writer, stage, instance, study)
    if writer.is_of_cell and stage.per == "grid":
        cells = {name: study.every_cell[name] for name in study.grids()[instance]}
        return [
            layout.folder_of(writer.name, name).as_posix()
            for name, cell in cells.items()
            if layout.is_read(artifact, cell, stage)
        ]
    if isinstance(artifact, File) and OfEveryCorpus(artifact) in stage.inputs:
        grid = study.grids()[instance]
        corpora = {"", *(study.every_cell[cell].corpus_instance for cell in grid)}
        return [layout.folder_of(writer.name, name).as_posix() for name in sorted(corpora)]
    if writer.per == "corpus" and stage.is_of_cell:
        return [CORPUS]
    name = "" if writer.per in ("", "corpus") else instance
    return [layout.folder_of(writer.name, name).as_posix()]


def _folders_of_suite(
    artifact: Artifact, writer: Stage, stage: Stage, instance: str, study: Study
) -> list[str]:
    """The same for a stage of a suite, whose cell is a grid of its own."""
    any_suite = study.cells[_suite_cells(study)[0]]
    if artifact == CHECKPOINTS:
        return [layout.fetched(instance).path.as_posix()]
    if writer.per == "corpus":
        return [CORPUS]
    if stage.per == "grid" and writer.is_of_cell and not layout.is_read(artifact, any_suite, stage):
        return []
    return [layout.folder_of(writer.name, instance if writer.per else "").as_posix()]


def _outs(stage: Stage, instance: str, is_suite: bool) -> dict[str, list]:
    """The outputs of a stage, by what DVC takes them for: of a cell, its folder."""
    if stage.is_of_cell:
        return {"outs": [layout.folder_of(stage.name, instance).as_posix()]}
    outs: dict[str, list] = {}
    for output in layout.written(stage, is_suite):
        path = layout.path_of(stage.name, output, instance).as_posix()
        outs.setdefault(_kind(output, instance), []).append(_out(output, path, instance))
    return outs


def _kind(output: Output, instance: str) -> str:
    # Metrics of DVC are those of the study alone: with as many names in a second file, it would
    # put the file before every name.
    if not isinstance(output, Product) or (output.kind == "metrics" and instance):
        return "outs"
    return output.kind


def _out(output: Output, path: str, instance: str) -> str | dict[str, dict]:
    if not isinstance(output, Product):
        return path
    plot = dict(output.plot)
    if plot and instance:
        plot["title"] += f", {instance} run"
    options = {**({"cache": False} if output.in_git else {}), **plot}
    return {path: options} if options else path


def _filler(instance: str, item: dict[str, str]) -> Callable[[str], str]:
    values = {KEY: instance, **{f"${{item.{name}}}": value for name, value in item.items()}}

    def fill(template: str) -> str:
        for name, value in values.items():
            template = template.replace(name, value)
        return template

    return fill


class _Flow(list):
    """A list that is written on one line."""


class _FlowMapping(dict):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, True)
)
_Dumper.add_representer(
    _FlowMapping, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, True)
)

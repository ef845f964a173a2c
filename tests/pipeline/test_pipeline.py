"""The pipeline as an object: names, dependencies, and the digests of code."""

import json
import shutil
import sys
from pathlib import Path

import yaml
from dvc.repo import Repo

from induction.config.study import Study
from induction.pipeline import code_digests, layout, plan
from induction.pipeline.artifacts import DIGESTS, File, Product
from induction.pipeline.declarations import STAGES, stages
from induction.pipeline.environment import run
from induction.pipeline.settings import study_of
from induction.report import revisions
from induction.tables.contract import Table
from tests.project import PER_CELL, PER_GRID

PARAMS = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
PIPELINE, PUBLISHED = (
    yaml.safe_load(Path(path).read_text(encoding="utf-8"))["stages"]
    for path in ("dvc.yaml", "published/dvc.yaml")
)
STUDY = study_of(PARAMS)
SUITE = {"source": "folder", "at": "models", "bos": "none"}
WITH_SUITE = study_of(
    {
        **PARAMS,
        "suites": {"theirs": SUITE},
        "cells": {**PARAMS["cells"], "theirs": {"suite": "theirs"}},
    }
)
EXPANDED = {stage.label: stage for stage in plan.expanded(STUDY)}
MOST_LINES = 350


def body(name: str) -> dict:
    return PIPELINE[name].get("do", PIPELINE[name])


def test_every_dvc_yaml_is_what_plan_writes():
    assert plan.outdated(STUDY) == []
    for path, file in plan.files(STUDY).items():
        assert path.exists() == bool(file.stages)
        assert not file.stages or path.read_bytes() == file.text()


def test_a_suite_leaves_the_study_s_own_dvc_yaml_as_it_is():
    study, with_suite = plan.files(STUDY), plan.files(WITH_SUITE)
    suites = with_suite.pop(Path("suites/dvc.yaml"))
    assert not study.pop(Path("suites/dvc.yaml")).stages and with_suite == study
    assert "train" not in suites.stages and "circuits" not in suites.stages
    corpus = suites.stages["corpus"]
    assert "${item.tokenizer}" in corpus["do"]["deps"], "it is read, so DVC has to watch it"
    assert corpus["foreach"]["theirs"]["tokenizer"] == "models"
    fetch = suites.stages["fetch"]["do"]
    assert "${item.at}" in fetch["deps"] and suites.cells["theirs"]["at"] == "models"


def test_dvc_yaml_can_be_read():
    assert len(Path("dvc.yaml").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_dvc_expands_the_stages_as_we_do():
    with Repo(".") as repo:
        by_dvc = {stage.addressing.split(":")[-1]: stage for stage in repo.index.stages}
    assert by_dvc.keys() == EXPANDED.keys()
    for label, stage in EXPANDED.items():
        assert by_dvc[label].cmd == stage.cmd
        outs = {Path(str(out)).as_posix() for out in by_dvc[label].outs}
        assert outs == set(stage.outs)
        params = {name for dep in by_dvc[label].deps for name in getattr(dep, "params", ())}
        assert params == stage.params
        paths = {Path(str(dep)).as_posix() for dep in by_dvc[label].deps}
        assert paths - {"params.yaml"} == set(stage.deps) - {"params.yaml"}


def test_the_published_run_has_cells_of_its_own_and_joins_those():
    """Its stages are those of the study, one by one, of other cells and into other files."""
    assert set(PUBLISHED) == {"corpus", *PER_CELL, *PER_GRID}
    cells = yaml.safe_load(Path("published/dvc.yaml").read_text())["vars"][0][plan.CELLS]
    assert set(cells) == set(PARAMS["published"])
    for name in PER_CELL:
        published, study = PUBLISHED[name]["do"], body(name)
        assert published["cmd"] == study["cmd"] and published["outs"] == study["outs"]
        assert published["deps"] == study["deps"] and published["wdir"] == ".."
        renamed = [key.replace("cells.", "published.") for key in study["params"]]
        longer = ["published_train"] if "train" in renamed else []
        assert sorted(published["params"]) == sorted([*renamed, *longer])
    for name in PER_GRID:
        published = PUBLISHED[name]["do"]
        assert list(PUBLISHED[name]["foreach"]) == ["published"]
        assert published["cmd"] == f"python -m stages.{name} --grid ${{key}}"
        for cell, each in STUDY.every_cell.items():
            read = [dep for dep in published["deps"] if f"/{cell}" in dep]
            wanted = cell in STUDY.published and (name != "pca" or each.is_on_its_text)
            assert bool(read) == wanted, cell


def test_outputs_belong_to_one_stage():
    outs = [out for stage in EXPANDED.values() for out in stage.outs]
    assert len(outs) == len(set(outs))
    for out in outs:
        assert not any(out != other and f"{other}/" in f"{out}/" for other in outs)


def test_what_git_has_of_a_report_is_what_comparisons_read():
    """`induction compare` reads a revision without its data."""
    in_git = {p.name for p in stages()["report"].outputs if isinstance(p, Product) and p.in_git}
    assert set(revisions.FILES) <= in_git
    for pipeline in (PIPELINE, PUBLISHED):
        for entry in pipeline.values():
            one = entry.get("do", entry)
            for out in (out for kind in ("outs", "metrics", "plots") for out in one.get(kind, [])):
                path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
                assert (options.get("cache") is False) == (path.partition("/")[2] in in_git or any(
                    path.endswith(f"/{name}") for name in in_git
                )), path  # fmt: skip


def test_one_name_in_four_places():
    """A stage in dvc.yaml is a module in stages/, a section of params.yaml if it reads any params,
    and the folder of what it writes."""
    planned = {
        name: entry
        for file in plan.files(WITH_SUITE).values()
        for name, entry in file.stages.items()
    }
    assert {path.stem for path in STAGES.glob("*.py")} - {"__init__"} == set(planned)
    for name, stage in stages().items():
        command = planned[name].get("do", planned[name])["cmd"]
        assert command.split()[:3] == ["python", "-m", f"stages.{name}"]
        assert any(key.split(".")[0] == name for key in stage.params) == bool(stage.params)
        assert (name in Study.__dataclass_fields__) == bool(stage.params)
        for output in stage.outputs:
            path = layout.path_of(name, output, "").parts
            assert path[:2] == ("data", name) or (isinstance(output, Product)), path


def test_every_cell_has_every_stage():
    for cell in STUDY.every_cell:
        for name in PER_CELL:
            assert f"{name}@{cell}" in EXPANDED


# What every stage may import of others is imported once; each stage then in a fork.
IMPORTED = """
import importlib, json, os, sys
import altair, duckdb, jinja2, pyarrow.parquet, sklearn.decomposition, tokenizers, torch
for name in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(f"stages.{name}")
        ours = [m for n, m in sys.modules.items() if n.split(".")[0] in ("stages", "induction")]
        print(json.dumps([name, sorted(m.__file__ for m in ours if m.__file__)]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_the_code_of_a_stage_is_what_it_imports():
    """Against Python itself: what is in sys.modules after importing the stage."""
    command = [sys.executable, "-c", IMPORTED, *PIPELINE]
    out = run(command, capture_output=True, text=True, check=True).stdout
    imported = {name: paths for name, paths in map(json.loads, out.splitlines())}
    assert imported.keys() == PIPELINE.keys()
    for name, paths in imported.items():
        files = {path.as_posix() for path in code_digests.files(name) if path.suffix == ".py"}
        # Imports inside functions count as code, too, and run later.
        assert {Path(path).relative_to(Path.cwd()).as_posix() for path in paths} <= files
        assert {path for path in files if path.startswith("stages/")} <= {
            "stages/__init__.py",
            f"stages/{name}.py",
        }


def test_every_stage_depends_on_its_code_by_one_digest():
    for label, stage in EXPANDED.items():
        code = [dep for dep in stage.deps if dep.startswith("data/plan/")]
        is_plan = DIGESTS in stages()[stage.name].outputs
        text = ["data/plan/text_packages"] if stage.name == "corpus" else []
        assert code == ([] if is_plan else [f"data/plan/{stage.name}", *text]), label
        sources = {dep for dep in stage.deps if not dep.startswith("data/")}
        checked = {"params.yaml", "constraints.txt", "induction", "stages"}
        assert sources == (checked if is_plan else set())


def test_each_query_and_template_belongs_to_one_stage():
    used = [path for name in PIPELINE for path in code_digests.files(name) if path.suffix != ".py"]
    assert len(used) == len(set(used))
    there = {p for folder in code_digests.ASSETS for p in folder.glob("*/**/*") if p.is_file()}
    assert set(used) == there


def test_training_sees_the_model_the_stream_and_the_schedule_alone():
    names = {path.stem for path in code_digests.files("train")}
    for foreign in ("figures", "duck", "circuits", "ablation", "documents", "page", "bootstrap"):
        assert foreign not in {*names} - {path.stem for path in Path("induction/config").glob("*")}


def test_an_import_inside_a_function_is_a_dependency(tmp_path):
    package = tmp_path / "stages" / "deep"
    package.mkdir(parents=True)
    (tmp_path / "stages" / "a.py").write_text("def f():\n    from stages.deep import b\n")
    (package / "__init__.py").write_text("")
    (package / "b.py").write_text("import stages.deep.c as c, os\n")
    (package / "c.py").write_text("from stages.a import f\n")
    names = {path.as_posix() for path in code_digests.closure("stages.a", tmp_path)}
    assert names == {
        "stages/a.py",
        "stages/deep/__init__.py",
        "stages/deep/b.py",
        "stages/deep/c.py",
    }


# Those whose closures differ most: the others would only take time.
DIGESTED = ("corpus", "train", "losses", "icl", "phases")


def digests(root: Path) -> dict[str, str]:
    return {
        name: code_digests.combine(code_digests.digests(code_digests.files(name, root), root))
        for name in DIGESTED
    }


def test_a_comment_changes_no_digest_and_a_line_those_of_the_stages_that_hold_it(tmp_path):
    for name in ("stages", "induction"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(name, tmp_path / name, ignore=ignore)
    before = digests(tmp_path)
    users = {name: set(code_digests.files(name)) for name in DIGESTED}
    # A stage, a room that some stages import, a section of params.yaml, a query.
    for path, comment, line in (
        ("stages/losses.py", "# x\n", "x = 1\n"),
        ("induction/models/transformer.py", "# x\n", "x = 1\n"),
        ("induction/stats/change_points.py", "# x\n", "x = 1\n"),
        ("induction/sql/icl/score.sql", "-- x\n", "\n"),
    ):
        file = tmp_path / path
        source = file.read_text(encoding="utf-8")
        file.write_text(f"{source}{comment}", encoding="utf-8")
        assert digests(tmp_path) == before, path
        file.write_text(f"{source}{line}", encoding="utf-8")
        changed = {name for name, digest in digests(tmp_path).items() if digest != before[name]}
        assert changed == {name for name in DIGESTED if Path(path) in users[name]} != set()
        file.write_text(source, encoding="utf-8")


def test_what_joins_cells_reads_every_cell_of_the_study_and_no_other():
    for name in PER_GRID:
        deps = body(name)["deps"]
        assert "cells" in body(name)["params"]
        for cell in PARAMS["cells"]:
            assert any(f"/{cell}" in dep for dep in deps), (name, cell)
        for cell in PARAMS["published"]:
            assert not any(f"/{cell}" in dep for dep in deps)


def test_every_input_is_written_by_a_stage_before():
    names = list(stages())
    for name, stage in stages().items():
        for artifact in stage.artifacts_read:
            (writer,) = (each for each in stages().values() if artifact in each.outputs)
            assert names.index(writer.name) < names.index(name)


def test_tables_are_consistent():
    tables = [table for stage in stages().values() for table in stage.tables]
    names = [table.name for table in tables]
    assert len(names) == len(set(names))
    for table in tables:
        columns = [column.name for column in table.columns]
        assert len(columns) == len(set(columns))
        assert set(table.grain) <= set(columns)
        assert all(column.unit for column in table.columns)


def test_declarations_name_what_they_may():
    for stage in stages().values():
        assert all(isinstance(output, Table | File | Product) for output in stage.outputs)
        assert stage.about and not stage.about.endswith(".")

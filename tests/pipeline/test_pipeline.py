"""The pipeline as an object: names agree, deps are imports, the pure part is pure."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from induction.config.study import Study
from induction.pipeline import code_digests, plan
from induction.pipeline.catalog import sources
from induction.pipeline.settings import study_of
from induction.report import revisions

PARAMS = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
PIPELINE, PUBLISHED = (
    yaml.safe_load(Path(path).read_text(encoding="utf-8"))["stages"]
    for path in ("dvc.yaml", "published/dvc.yaml")
)
STUDY = study_of(PARAMS)
ASSETS = tuple(f"{folder.as_posix()}/" for folder in code_digests.ASSETS)
# Modules of stages/ that are commands for people, not stages.
COMMANDS = {
    "bench", "compare", "lens", "patterns", "plan", "query", "questions", "readme", "show", "study",
    "verify",
}  # fmt: skip


@pytest.fixture(scope="module")
def expanded():
    """Every stage as DVC sees it, one per cell."""
    with Repo(".") as repo:
        return {stage.addressing: stage for stage in repo.index.stages}


def body(name: str) -> dict:
    return PIPELINE[name].get("do", PIPELINE[name])


def test_every_dvc_yaml_is_what_plan_writes():
    assert plan.outdated(STUDY) == []
    for path, stages in plan.files(STUDY).items():
        assert path.read_bytes() == plan.text(stages)


def test_the_published_run_adds_cells_and_joins_them_all():
    """Its stages are those of the study, one by one, of other cells and into other files."""
    assert set(PUBLISHED) == {"corpus", *plan.PER_CELL, *plan.PER_GRID}
    for name in plan.PER_CELL:
        assert set(PUBLISHED[name]["foreach"]) == set(PARAMS["published"])
        own, study = PUBLISHED[name]["do"], body(name)
        assert own["cmd"] == study["cmd"] and own["outs"] == study["outs"]
        assert own["deps"] == study["deps"] and own["wdir"] == ".."
        assert own["params"] == [p.replace("cells.", "published.") for p in study["params"]]
    for name in plan.PER_GRID:
        own = PUBLISHED[name]["do"]
        assert list(PUBLISHED[name]["foreach"]) == ["published"]
        assert own["cmd"] == f"python -m stages.{name} --grid ${{key}}"
        for cell in STUDY.every_cell:
            read = [dep for dep in own["deps"] if f"/{cell}" in dep]
            assert bool(read) == (name != "pca" or STUDY.every_cell[cell].is_on_its_text), cell


def test_outputs_belong_to_one_stage():
    outs = [out for stage in plan.expanded(STUDY) for out in stage.outs]
    assert len(outs) == len(set(outs))
    for out in outs:
        assert not any(out != other and f"{other}/" in f"{out}/" for other in outs)


def test_reports_are_in_git_and_everything_else_in_the_cache():
    """What `induction.cli.compare` reads of a revision, without its data, has to be in Git."""
    for pipeline in (PIPELINE, PUBLISHED):
        for name, entry in pipeline.items():
            own = entry.get("do", entry)
            for out in (out for kind in ("outs", "metrics", "plots") for out in own.get(kind, [])):
                is_in_git = isinstance(out, dict) and next(iter(out.values()))["cache"] is False
                assert is_in_git == (name == "report"), out
    for grid in ("", "published"):
        compared = {(revisions.REPORTS / grid / file).as_posix() for file in revisions.FILES}
        (outs,) = [
            stage.outs
            for stage in plan.expanded(STUDY)
            if (stage.name, stage.cell) == ("report", grid)
        ]
        assert compared <= set(outs)


def test_one_name_in_four_places():
    """Stage in dvc.yaml = module in stages/ = section in params.yaml = folder of the outputs."""
    modules = {path.stem for path in Path("stages").glob("*.py")} - {"__init__"} - COMMANDS
    assert modules == set(PIPELINE)
    sections = set(Study.__dataclass_fields__)
    for name in PIPELINE:
        assert body(name)["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]
        assert name in sections or name == "params"
        folder = "reports/" if name == "report" else f"data/{name}/"
        outs = [
            out if isinstance(out, str) else next(iter(out))
            for kind in ("outs", "metrics", "plots")
            for out in body(name).get(kind, [])
        ]
        assert outs and all(out.startswith(folder) for out in outs)


def test_every_cell_has_every_stage(expanded):
    names = {name.split(":")[-1] for name in expanded}
    for cell in PARAMS["cells"]:
        for stage in plan.PER_CELL:
            assert f"{stage}@{cell}" in names
    for cell in PARAMS["published"]:
        assert f"train@{cell}" in names
    assert names == {stage.label for stage in plan.expanded(STUDY)}


@pytest.mark.parametrize("name", sorted(PIPELINE))
def test_code_deps_are_the_modules_that_are_imported(name):
    """Against Python itself: what is in sys.modules after importing the stage."""
    script = (
        f"import sys, stages.{name}; "
        "print(*sorted(m.__file__ for n, m in sys.modules.items() "
        "if n.split('.')[0] == 'stages' and m.__file__))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    imported = {Path(path).relative_to(Path.cwd()).as_posix() for path in out.split()}
    declared = {dep for dep in body(name)["deps"] if dep.endswith(".py")}
    assert declared == imported


def test_every_expanded_stage_depends_on_its_code_and_on_no_other(expanded):
    files = {name: {path.as_posix() for path in code_digests.files(name)} for name in PIPELINE}
    for name, stage in expanded.items():
        own = files[name.split(":")[-1].split("@")[0]]
        deps = {Path(str(dep)).as_posix() for dep in stage.deps}
        assert {dep for dep in deps if dep.startswith("stages/")} == own, name


def test_sql_and_templates_are_deps_of_the_stage_that_reads_them():
    declared = {
        name: {dep for dep in body(name)["deps"] if dep.startswith(ASSETS)} for name in PIPELINE
    }
    used = [dep for own in declared.values() for dep in own]
    assert len(used) == len(set(used)), "each file belongs to one stage"
    found = [*Path("induction/sql").glob("*/*"), *Path("induction/report/templates").glob("*/*")]
    assert set(used) == {path.as_posix() for path in found}


def test_training_sees_the_model_the_stream_and_the_schedule_alone():
    deps = body("train")["deps"]
    for foreign in ("figures", "duck", "sql", "circuits", "ablation", "text", "report", "icl"):
        assert not any(foreign in Path(dep).stem for dep in deps), foreign


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


def test_aggregates_read_every_cell_and_nothing_else():
    for cell in PARAMS["cells"]:
        assert f"data/icl/{cell}/sampled.parquet" in body("pca")["deps"]
        assert f"data/ablations/{cell}.parquet" in body("report")["deps"]
        assert f"data/losses/{cell}.parquet" in body("phases")["deps"]
        assert f"data/interventions/{cell}" in body("claims")["deps"]
    for name in plan.PER_GRID:
        assert "cells" in body(name)["params"]
        for cell in PARAMS["published"]:
            assert not any(f"/{cell}" in dep for dep in body(name)["deps"])


def test_the_catalogue_knows_the_files_that_stages_make(expanded):
    outs = [str(out) for stage in expanded.values() for out in stage.outs]
    for own in sources(list(PARAMS["cells"])).values():
        for source in own:
            path = source.path.as_posix()
            assert any(path == out or path.startswith(f"{out}/") for out in outs), path


@pytest.mark.parametrize(
    "path", [*Path("stages/lib").rglob("*.py"), *Path("stages/settings").rglob("*.py")], ids=str
)
def test_the_pure_part_reads_nothing_prints_nothing_and_knows_no_stage(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input")
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            assert name.split(".")[0] not in ("os", "pathlib", "yaml", "dvc", "sys")
            if name.startswith("stages"):
                assert name.startswith(("stages.lib", "induction.config"))

"""What a reader copies from the page works: settings, commands, citations; and its times add up."""

import html
import json
import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from induction.cli.study import command
from induction.pipeline.environment import run
from induction.pipeline.settings import read_study
from induction.report.rendering import asset
from tests.project import ROOT, Project


def blocks(section: str, kind: str) -> list[str]:
    """The texts of the `pre` elements of a class, as a reader copies them."""
    content = asset(f"{section}.html.j2").replace('{{ "{{" }}', "{{")
    return list(map(html.unescape, re.findall(rf'<pre class="{kind}">(.*?)</pre>', content, re.S)))


def put_in(params: str, snippet: str) -> str:
    """params.yaml with the lines of a snippet in the sections that they name: a key that is there
    already has its line replaced, others stand at the end of the section."""
    section = ""
    for line in snippet.splitlines():
        if not line.startswith(" "):
            section = line
            params = params.replace(f"\n{section} {{}}", f"\n{section}", 1)
            continue
        head, begin, rest = params.partition(f"\n{section}")
        body, end, after = re.split(r"(\n(?=\w)|$(?!\n))", rest, maxsplit=1)
        key = re.match(r"  \w+:", line)
        kept = re.subn(rf"^{key[0]}.*$", line, body, flags=re.M) if key else (body, 0)
        body = kept[0] if kept[1] else f"{body.rstrip()}\n{line}\n"
        params = head + begin + body + end + after
    return params


SNIPPETS = blocks("yours", "yaml")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["model", "seeds", "text", "checkpoints"])
def test_settings_of_the_page_are_accepted_where_the_page_says(snippet, tmp_path):
    edited = tmp_path / "params.yaml"
    before = (ROOT / "params.yaml").read_text(encoding="utf-8")
    edited.write_text(put_in(before, snippet), encoding="utf-8")
    study, params = read_study(edited), yaml.safe_load(edited.read_text(encoding="utf-8"))
    for section, entries in yaml.safe_load(re.sub(r"<<: .*", "", snippet)).items():
        assert hasattr(study, section)
        for key, value in entries.items():
            actual = params[section][key]
            assert value.items() <= actual.items() if isinstance(value, dict) else actual == value
    assert {*study.cells} == {*Project.committed()["cells"]} | {
        *yaml.safe_load(re.sub(r"<<: .*", "", snippet)).get("cells", {})
    }


def test_the_command_of_the_page_is_one_that_induction_takes():
    (line,) = blocks("yours", "command")
    # Nothing is installed, and nothing runs: make says what it would call.
    asked = [*shlex.split(line), "--dry-run", "--old-file=.venv/installed"]
    # `make test` itself leaves variables to the makes that it starts.
    empty = dict.fromkeys((name for name in os.environ if name.startswith("MAKE")), "")
    done = run(asked, empty, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (called,) = (row for row in done.stdout.splitlines() if row.startswith("induction study"))
    parsed = command.make_context("study", shlex.split(called)[2:]).params
    assert (parsed["on"], parsed["jobs"], str(parsed["shared"])) == ("slurm", 20, "/lab/x")
    assert parsed["options"] == "--gres=gpu:1 --time=12:00:00"


def bibtex(key: str, kind: str, entry: dict) -> str:
    """An entry of CITATION.cff, as BibTeX writes it."""
    authors = [
        f"{{{author['name']}}}"
        if "name" in author
        else f"{author['family-names']}, {author['given-names']}"
        for author in entry["authors"]
    ]
    year = entry.get("year") or entry["date-released"].year
    fields = {
        "title": entry["title"],
        "author": " and ".join(authors),
        "journal": entry.get("journal"),
        "version": entry.get("version"),
        "year": year,
    }
    lines = [f"  {name:<7} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def test_the_page_cites_what_citation_cff_says():
    work = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (paper,) = work["references"]
    (shown,) = blocks("cite", "bibtex")
    assert shown.split("\n\n") == [
        bibtex("inductionphasechange2026", "software", work),
        bibtex("olsson2022context", "article", paper),
    ]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{work["version"]}"' in project and work["license"] in project
    assert "The induction-phase-change authors" in work["authors"][0].values()
    assert 'name = "induction-phase-change"' in project


def test_stages_add_up_to_the_time_below_them(strange):
    page = (Path(strange) / "index.html").read_text(encoding="utf-8")
    (table,) = re.findall(r'<table id="times">(.*?)</table>', page, re.S)
    rows = re.findall(r"<td>([^<]*)</td><td>([\d,]+)</td>", table)
    *stages, (last, total) = [(name, int(seconds.replace(",", ""))) for name, seconds in rows]
    times = json.loads(asset("times.json"))
    assert last == "all stages" and total == sum(seconds for _, seconds in stages)
    assert {name for name, _ in stages} == times["stages"].keys() - {"study"}
    assert total < times["stages"]["study"] < times["commands"]["make study"]["seconds"]

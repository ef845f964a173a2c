"""The numbers of README.md, from the reports: what stands between its markers is written here.

`make readme` fills every block `<!-- name --> … <!-- /name -->`; `--check` only says whether they
are what the reports say. So no number in README is older than the run it is about.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.study import Study
from induction.pipeline.settings import study_of
from induction.report.formatting import between, fixed, millions, piped, significant
from induction.report.panels import panels
from induction.tables.atomic import write

README = Path("README.md")
METRICS, CLAIMS, CIRCUITS = (
    f"reports/{PUBLISHED}/{name}.json" for name in ("metrics", "claims", "circuits")
)
TIMES = "induction/report/templates/report/times.json"
BLOCK = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
Reports = dict[str, Any]


def read(name: str) -> Any:
    try:
        return json.loads(Path(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "restore it from Git" if name == TIMES else "`make published` makes it"
        raise StageError(f"{name}: not found; {remedy}") from None


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(piped, line))} |\n" for line in lines)


def several(values: list[str]) -> str:
    """One value per seed, in their order."""
    return ", ".join(values)


def groups(study: Study) -> list[tuple[str, list[str]]]:
    """Cells of the published run that differ in nothing but the seed, in the order of the page."""
    grid = {name: study.every_cell[name] for name in study.grids()[PUBLISHED]}
    found: dict[str, list[str]] = {}
    for row in panels(grid):
        found.setdefault(row["panel"], []).append(row["cell"])
    return list(found.items())


def is_main(study: Study, cells: list[str]) -> bool:
    own = study.every_cell[cells[0]]
    positions = study.models[own.model].positions
    return own.is_on_its_text and own.train == type(own.train)() and positions == "qk_sinusoidal"


def outcome(found: list[dict]) -> list[str]:
    """Columns of a group of cells: their ICL, windows and best prefix matching."""
    windows = [
        f"{millions(own['phase_start_tokens'])} – {millions(own['phase_end_tokens'])}"
        if own["phase_change"]
        else "none"
        for own in found
    ]
    return [
        several([fixed(own["icl_final"], "%+.2f") for own in found]),
        several(windows),
        several([fixed(own["prefix_matching_max"], "%.2f") for own in found]),
    ]


OUTCOME = ["final ICL, nats", "phase window, training tokens", "best prefix matching"]


def models(study: Study, reports: Reports) -> str:
    """The models of the paper's kind, every seed."""
    own = reports[METRICS]["cells"]
    return table(
        ["model", *OUTCOME],
        [
            [f"`{name}`", *outcome([own[cell] for cell in cells])]
            for name, cells in groups(study)
            if is_main(study, cells)
        ],
    )


def variations(study: Study, reports: Reports) -> str:
    """Everything else that was trained."""
    own = reports[METRICS]["cells"]
    return table(
        ["cells", *OUTCOME],
        [
            [f"`{name}`", *outcome([own[cell] for cell in cells])]
            for name, cells in groups(study)
            if not is_main(study, cells)
        ],
    )


def verdicts(study: Study, reports: Reports) -> str:
    """How many claims have which verdict."""
    claims, controls = reports[METRICS]["claims"], reports[METRICS]["controls"]
    untested = sum(
        own["kind"] == "claim" and own["verdict"] == "not tested here" for own in reports[CLAIMS]
    )
    parts = ", ".join(f"{count} {verdict}" for verdict, count in claims.items())
    of_controls = ", ".join(f"{count} {verdict}" for verdict, count in controls.items())
    return (
        f"Of the paper's claims **{parts}**, {untested} not tested here. "
        f"Of our controls {of_controls}.\n"
    )


def scoreboard(kind: str) -> Callable[[Study, Reports], str]:
    def made(study: Study, reports: Reports) -> str:
        return table(
            ["claim", "statistic", "value [over seeds]", "holds if", "verdict"],
            [
                [
                    own["text"],
                    own["statistic"],
                    f"{significant(own['value'])}{between(own['low'], own['high'])}",
                    own["rule"],
                    f"**{own['verdict']}**" if own["verdict"] == "contradicted" else own["verdict"],
                ]
                for own in reports[CLAIMS]
                if own["kind"] == kind and own["verdict"] != "not tested here"
            ],
        )

    return made


def circuits(study: Study, reports: Reports) -> str:
    """The circuits of the models of the paper's kind, every seed."""
    own = reports[CIRCUITS]

    def share(cells: list[str], run: str) -> str:
        found = [own[cell][f"share_{run}"] for cell in cells]
        return several(["–" if one is None else fixed(one[0], "%.2f") for one in found])

    return table(
        ["model", "circuit, by seed", "share of ICL lost without it", "kept by it alone"],
        [
            [
                f"`{name}`",
                several([" + ".join(own[cell]["circuit"]) or "none" for cell in cells]),
                share(cells, "cut"),
                share(cells, "kept"),
            ]
            for name, cells in groups(study)
            if is_main(study, cells)
        ],
    )


def duration(seconds: int) -> str:
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def commands(study: Study, reports: Reports) -> str:
    """What the commands take, and where that was measured."""
    own = reports[TIMES]
    parts = [
        f"`{command}` {duration(took['seconds'])} ({took['what']})"
        for command, took in own["commands"].items()
    ]
    return f"Measured in a fresh clone on {own['machine']}: {', '.join(parts)}.\n"


def times(study: Study, reports: Reports) -> str:
    """Seconds of `make study`, stage by stage."""
    own = reports[TIMES]["stages"]
    return table(list(own), [[f"{seconds:,}" for seconds in own.values()]])


BLOCKS: dict[str, Callable[[Study, Reports], str]] = {
    "commands": commands,
    "models": models,
    "variations": variations,
    "circuits": circuits,
    "verdicts": verdicts,
    "claims": scoreboard("claim"),
    "controls": scoreboard("control"),
    "times": times,
}


def filled(text: str, study: Study, reports: Reports) -> str:
    """README with every block as the reports have it. Raises StageError for a block unknown."""

    def block(match: re.Match) -> str:
        name = match[2]
        if name not in BLOCKS:
            raise StageError(f"{README}: found block {name!r}, expected one of {', '.join(BLOCKS)}")
        return f"{match[1]}{BLOCKS[name](study, reports)}{match[3]}"

    return BLOCK.sub(block, text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m induction.cli.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check_only = parser.parse_args().check
    try:
        study = study_of(Params().all())
        reports = {name: read(name) for name in (METRICS, CLAIMS, CIRCUITS, TIMES)}
        before = README.read_text(encoding="utf-8")
        after = filled(before, study, reports)
    except StageError as error:
        sys.exit(f"error: {error}")
    if before != after and check_only:
        sys.exit(f"error: {README}: not what the reports say; run `make readme`")
    if before != after:
        write(README, after.encode())
        print(f"{README}: written anew", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Show each cell's result, and how long each stage took."""

import json
from pathlib import Path

import click

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import REPORTS, SCRATCH


def results(cells: dict[str, dict]) -> str:
    lines = [
        f"{'cell':<14} {'final ICL':>10}  {'phase change':<13} {'where (tokens)':<17} best head"
    ]
    for name, cell in cells.items():
        where = "-"
        if cell["phase_change"]:
            start, end = cell["phase_start_tokens"] / 1e6, cell["phase_end_tokens"] / 1e6
            where = f"{start:.2f} M - {end:.2f} M"
        changed = "yes" if cell["phase_change"] else "no"
        lines.append(
            f"{name:<14} {cell['icl_final']:>+10.3f}  {changed:<13} {where:<17} "
            f"{cell['best_head']} (prefix matching {cell['prefix_matching_max']:.2f})"
        )
    return "\n".join(lines)


def claims(found: dict[str, int]) -> str:
    return "claims of the paper: " + ", ".join(f"{n} {what}" for what, n in found.items())


def seconds(folder: Path) -> dict[str, int]:
    """Seconds of each stage, cells together, from the last time each was run here; `study` is
    the last `make study` as a whole, DVC's own work and what did not run again included."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
        record = json.loads(path.read_text())
        found[record["stage"]] = found.get(record["stage"], 0.0) + record["seconds"]
    return {stage: round(own) for stage, own in found.items()}


def times(folder: Path) -> str:
    parts = [f"{stage} {own}" for stage, own in seconds(folder).items()]
    return "seconds per stage: " + ", ".join(parts) if parts else ""


def show_results(grid: str) -> None:
    """Print the results of a grid, and what its stages took."""
    path = REPORTS / grid / "metrics.json"
    if not path.exists():
        raise StageError(f"{path}: not found; run `make {PUBLISHED if grid else 'study'}`")
    metrics = json.loads(path.read_text(encoding="utf-8"))
    print(results(metrics["cells"]))
    print(claims(metrics["claims"]))
    print(f"\n{times(SCRATCH / 'times')}")
    print(f"report: {REPORTS / grid / 'index.html'}")


@click.command
@click.option("--published", is_flag=True, help="Of the published run.")
@click.option("--times", "only_times", is_flag=True, help="Only the seconds, as JSON.")
def command(published: bool, only_times: bool) -> None:
    """Show each cell's result, and how long each stage took when it last ran here."""
    if only_times:
        print(json.dumps(seconds(SCRATCH / "times"), indent=2))
    else:
        show_results(PUBLISHED if published else "")

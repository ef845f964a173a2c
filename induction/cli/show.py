"""The study in a short table: each cell's result, and how long each stage took when last run."""

import argparse
import json
import sys
from pathlib import Path

from induction.config.names import PUBLISHED
from induction.config.paths import SCRATCH

REPORTS = Path("reports")


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m induction.cli.show", description=__doc__)
    parser.add_argument("--grid", default="", help=f"{PUBLISHED!r}: the published run")
    parser.add_argument("--times", action="store_true", help="only the seconds, as JSON")
    given = parser.parse_args()
    if given.times:
        print(json.dumps(seconds(SCRATCH / "times"), indent=2))
        return
    grid = given.grid
    if not (REPORTS / grid / "metrics.json").exists():
        command = f"make {PUBLISHED if grid else 'study'}"
        sys.exit(f"error: {REPORTS / grid}/metrics.json: not found; run `{command}`")
    tell(grid)


def tell(grid: str) -> None:
    found = json.loads((REPORTS / grid / "metrics.json").read_text(encoding="utf-8"))
    print(results(found["cells"]))
    print(claims(found["claims"]))
    print(f"\n{times(SCRATCH / 'times')}")
    print(f"report: {REPORTS / grid / 'index.html'}")


if __name__ == "__main__":
    main()

"""The study in a short table: each cell's result, and how long each stage took when last run."""

import argparse
import json
import sys
from pathlib import Path

from stages.files.stage import SCRATCH

METRICS = Path("reports/metrics.json")
PAGE = Path("reports/index.html")


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


def times(folder: Path) -> str:
    """Seconds of each stage, cells together, from the last time each was run here."""
    found: dict[str, list[float]] = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
        record = json.loads(path.read_text())
        found.setdefault(record["stage"], []).append(record["seconds"])
    parts = [f"{stage} {sum(own):.0f}" for stage, own in found.items()]
    return "seconds per stage: " + ", ".join(parts) if parts else ""


def main() -> None:
    argparse.ArgumentParser(prog="python -m stages.show", description=__doc__).parse_args()
    if not METRICS.exists():
        sys.exit(f"error: {METRICS}: not found; run `make study`")
    tell()


def tell() -> None:
    print(results(json.loads(METRICS.read_text(encoding="utf-8"))["cells"]))
    print(f"\n{times(SCRATCH / 'times')}")
    print(f"report: {PAGE}")


if __name__ == "__main__":
    main()

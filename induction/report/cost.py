"""What is left to do, as a table, as JSON, and in one line."""

import json

from induction.pipeline.estimate import Estimate

NOTHING = "nothing is left to do: all that params.yaml asks for is there and up to date"
MB, GB = 1e6, 1e9


def table(estimate: Estimate) -> str:
    """A row per stage of each cell, and the sum."""
    has_suites = any(each.stage == "fetch" for each in estimate.work)
    heads = ["GFLOP", "minutes", "disk MB", *(["download MB"] if has_suites else [])]
    rows = []
    for each, seconds in zip(estimate.work, estimate.seconds, strict=True):
        numbers = [f"{each.flop / 1e9:,.0f}", f"{seconds / 60:,.1f}", f"{each.written / MB:,.1f}"]
        if has_suites:
            numbers.append(f"{each.download / MB:,.1f}")
        rows.append((each.instance, each.stage, numbers if each.is_known else ["?"] * len(heads)))
    left = max(len(name) for name, *_ in [*rows, ("cell",)])
    lines = [_row("cell", "stage", heads, left), *(_row(*row, left=left) for row in rows)]
    return "\n".join([*lines, f"together {total(estimate)}", *estimate.unknown])


def _row(name: str, stage: str, numbers: list[str], left: int) -> str:
    return f"{name:<{left}}  {stage:<13}" + "".join(f"{number:>12}" for number in numbers)


def total(estimate: Estimate) -> str:
    """In one line."""
    minutes = estimate.total / 60
    time = f"{minutes / 60:,.1f} hours" if minutes >= 120 else f"{minutes:,.0f} minutes"
    download = f", {_size(estimate.download)} of downloads" if estimate.download else ""
    rest = ", and what is not known" if estimate.unknown else ""
    return (
        f"about {'1 minute' if round(minutes) == 1 else time} and {_size(estimate.written)} on "
        f"this machine{download}{rest}"
    )


def _size(size: float) -> str:
    return f"{size / GB:,.1f} GB" if size >= GB / 20 else f"{size / MB:,.1f} MB"


def as_json(estimate: Estimate) -> str:
    """The same numbers; null for what is not known."""
    rows = []
    for each, seconds in zip(estimate.work, estimate.seconds, strict=True):
        numbers = {
            "flop": each.flop,
            "minutes": round(seconds / 60, 3),
            "disk_bytes": round(each.written),
            "download_bytes": each.download,
        }
        known = numbers if each.is_known else dict.fromkeys(numbers)
        rows.append({"cell": each.instance, "stage": each.stage, **known})
    together = {
        "flop": sum(each.flop for each in estimate.work),
        "minutes": round(estimate.total / 60, 3),
        "disk_bytes": round(estimate.written),
        "download_bytes": estimate.download,
    }
    return json.dumps({"rows": rows, "total": together, "unknown": estimate.unknown}, indent=2)

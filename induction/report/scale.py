"""What a params file takes at scale, as tables and as JSON."""

import json
from dataclasses import asdict

from induction.pipeline.scale import Gpu, Scale
from induction.report.query_times import QueryTimes

TERA, GB = 1e12, 1e9


def table(file: str, scale: Scale, gpu: Gpu, times: QueryTimes | None) -> str:
    """A row per cell, a row per table, and the queries that were measured."""
    lines = [
        f"{file}: all of it, from nothing. Operations and bytes are worked out, none of it was "
        "run.",
        f"Hours are those of one GPU at {gpu.share:.0%} of {gpu.training / TERA:,.0f} TFLOP/s "
        f"in training (bf16), and of {gpu.measuring / TERA:,.0f} TFLOP/s in what measures "
        "(fp32).",
        "",
    ]
    heads = ("train FLOP", "hours", "measure FLOP", "hours", "checkpoints GB", "disk GB")
    rows: list[tuple[str, tuple[float, ...]]] = [
        (
            each.cell,
            (
                each.training,
                each.hours(gpu)[0],
                each.measuring,
                each.hours(gpu)[1],
                each.checkpoints / GB,
                each.written / GB,
            ),
        )
        for each in scale.cells
    ]
    rows.append(("together", tuple(map(sum, zip(*(numbers for _, numbers in rows), strict=True)))))
    lines.append(_row("cell", heads))
    for name, numbers in rows:
        lines.append(
            _row(name, [_number(head, number) for head, number in zip(heads, numbers, strict=True)])
        )
    lines += ["", _row("table", ("rows", "GB"))]
    lines += [
        _row(each.table, (f"{each.rows:,}", f"{each.written / GB:,.2f}")) for each in scale.tables
    ]
    lines += ["", f"corpus: at most {scale.corpora / GB:,.1f} GB", _queries(times)]
    return "\n".join([*lines, *scale.unknown])


def _row(name: str, numbers: tuple[str, ...] | list[str]) -> str:
    return f"{name:<16}" + "".join(f"{number:>16}" for number in numbers)


def _number(head: str, number: float) -> str:
    return f"{number:.2e}" if head.endswith("FLOP") else f"{number:,.1f}"


def _queries(times: QueryTimes | None) -> str:
    if times is None:
        return "queries: not measured yet; `induction bench --queries` does"
    slowest = times.slowest
    return (
        f"queries of the report, measured over {times.rows:,} rows of losses on {times.cores} "
        f"cores: {times.together:.1f} s for all {len(times.report)}, of which the slowest, "
        f"{slowest.name}, takes {slowest.seconds:.2f} s"
    )


def as_json(file: str, scale: Scale, gpu: Gpu, times: QueryTimes | None) -> str:
    """The same numbers."""
    cells = [
        asdict(each)
        | dict(
            zip(("training_hours", "measuring_hours"), map(_rounded, each.hours(gpu)), strict=True)
        )
        for each in scale.cells
    ]
    answer = {
        "params": file,
        "gpu": asdict(gpu),
        "cells": cells,
        "tables": [asdict(each) for each in scale.tables],
        "corpora": scale.corpora,
        "queries": asdict(times) if times else None,
        "unknown": scale.unknown,
    }
    return json.dumps(answer, indent=2)


def _rounded(hours: float) -> float:
    return round(hours, 4)

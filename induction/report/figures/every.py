"""Every figure of the report, from the rows of its queries."""

from collections.abc import Callable
from functools import partial

from induction.report.figures import (
    answer,
    curves,
    dates,
    heads,
    maps,
    paths,
    repeats,
    sets,
    weights,
)
from induction.report.figures.frame import Drawn, Rows, known, of

MODES = ("full", "pattern")
# The rows of every query of induction/sql/report/, by its name.
Found = dict[str, Rows]


def drawings(found: Found, tokens: int) -> dict[str, Callable[[], Drawn]]:
    """By the name of each figure what makes its SVG; `tokens` are those of the whole training.

    What a study has no rows of has no figure.
    """
    windows, removals = found["windows"], found["ablations"]
    gates, shares = known(found["heads"], "smear_gate"), known(found["interventions"], "share")
    traces = known(found["heads"], "qk_trace")
    detailed = [row for row in found["trajectories"] if row["is_detailed"]]
    learning = known(found["curves"], "learning")
    changes = [row for row in found["phases"] if row["is_defined"]]
    told = found["answer"]
    todo: list[tuple[str, Rows, Callable[[], Drawn]]] = [
        ("answer", told, partial(answer.answer, told, windows)),
        ("icl", found["curves"], partial(curves.icl, found["curves"], windows)),
        ("loss", found["curves"], partial(curves.loss, found["curves"], windows)),
        ("learning", learning, partial(curves.learning, learning, windows)),
        ("loss_map", found["positions"], partial(maps.loss_map, found["positions"], windows)),
        ("slope_map", found["positions"], partial(maps.slope_map, found["positions"], windows)),
        ("pca", detailed, partial(paths.trajectories, found["trajectories"])),
        ("phases", changes, partial(dates.phases, found["phases"], windows, tokens)),
        (
            "prefix_matching",
            found["heads"],
            partial(heads.prefix_matching, found["heads"], windows),
        ),
        ("previous_token", found["heads"], partial(heads.previous_token, found["heads"], windows)),
        ("gates", gates, partial(heads.gates, gates, windows)),
        ("circuit", found["final_heads"], partial(heads.circuit, found["final_heads"])),
        ("repeats", found["repeats"], partial(repeats.repeats, found["repeats"])),
        ("qk_trace", traces, partial(heads.qk_trace, traces, windows)),
        ("undone", found["undone"], partial(heads.undone, found["undone"], windows)),
        ("interventions", shares, partial(sets.interventions, shares)),
    ]
    for mode in MODES:
        make = partial(heads.delta_icl, removals, windows, mode)
        todo.append((f"ablation_{mode}", of(removals, "mode", mode), make))
    return {name: make for name, rows, make in todo + _of_weights(found) if rows}


def _of_weights(found: Found) -> list[tuple[str, Rows, Callable[[], Drawn]]]:
    """Figures of the circuits, which stand on their page."""
    own = {name: found[f"circuit_{name}"] for name in weights.QUERIES}
    edges, heads_read, readings = own["edges"], own["heads"], own["readings"]
    written = [row for row in edges if row["is_detailed"] and row["from_layer"] >= 0]
    pairs = [row for row in written if row["is_circuit"] and row["is_last"]]
    trigrams = [row for row in own["trigrams"] if row["is_last"]]
    figures = {
        "paths": (of(own["paths"], "path", "circuit"), partial(weights.paths, own["paths"])),
        "edges": (of(edges, "receiver_input", "k"), partial(weights.strengthening, edges)),
        "graph": (written, partial(weights.graph, edges, readings)),
        "compositions": _all(weights.compositions, own["compositions"]),
        "attention": (pairs, partial(weights.attention, own["attention"], edges, readings)),
        "positions": _all(weights.positions, heads_read),
        "offsets": _all(weights.offsets, own["offsets"]),
        "eigenvalues": _all(weights.eigenvalues, own["eigenvalues"], heads_read),
        "parts": _all(weights.parts, own["attribution"]),
        "orders": _all(weights.orders, known(own["orders"], "gain")),
        "direct": _all(weights.direct_path, own["direct"]),
        "trigrams": _all(weights.skip_trigrams, trigrams),
    }
    return [(f"circuit_{name}", rows, make) for name, (rows, make) in figures.items()]


def _all(make: Callable[..., Drawn], rows: Rows, *more: Rows) -> tuple[Rows, Callable[[], Drawn]]:
    """A figure that is drawn from `rows` wherever there are any."""
    return rows, partial(make, rows, *more)

"""Figures by the geometry of their SVG: what stands where is worked out by hand."""

import re
from xml.etree import ElementTree

import pytest
from induction.report.figures.captions import CAPTIONS, CIRCUITS, SECTIONS
from induction.report.figures.every import drawings

from induction.report.figures import (
    analysis,
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
from induction.report.figures.frame import COLOURS, GREY, HEIGHT, WIDTH, Drawn

MILLION = 1_000_000


def marks(svg: Drawn, kind: str) -> list[ElementTree.Element]:
    """Every mark of a kind (line, rect, rule, symbol, text) that is no part of axes or legends."""
    root = ElementTree.fromstring(str(svg))
    return [
        mark
        for group in root.iter("{http://www.w3.org/2000/svg}g")
        if group.get("class", "").startswith(f"mark-{kind} role-mark")
        for mark in group
    ]


def texts(svg: Drawn) -> list[str]:
    root = ElementTree.fromstring(str(svg))
    return [found.text for found in root.iter("{http://www.w3.org/2000/svg}text")]


def numbers(text: str | None) -> list[float]:
    return [float(own) for own in re.findall(r"-?\d+(?:\.\d+)?", text or "")]


def place(mark: ElementTree.Element) -> list[float]:
    return numbers(mark.get("transform"))


def window(cell: str, seed: int, start: int, end: int, holds: bool = True, panel="p") -> dict:
    own = {"cell": cell, "panel": panel, "seed": seed, "is_periodic": False}
    return own | {
        "is_phase_change": holds,
        "start_tokens": start,
        "middle_tokens": (start + end) // 2,
        "end_tokens": end,
    }


def curve(cell: str, seed: int, panel: str = "p") -> list[dict]:
    """From 0 to 4 M tokens, ICL falls from 0 to -1."""
    low, high = ("_low", "_high")
    return [
        {"cell": cell, "panel": panel, "seed": seed, "tokens": 2 * MILLION * i}
        | {"icl": -i / 2, f"icl{low}": -i / 2, f"icl{high}": -i / 2, "icl_paper": -i / 2}
        | {"loss": 3.0 - i, f"loss{low}": 3.0 - i, f"loss{high}": 3.0 - i}
        for i in range(3)
    ]


def test_curves_have_a_line_per_seed_and_a_window_for_each_that_changes():
    rows = [*curve("a", 0), *curve("b", 1), *curve("c", 0, panel="q")]
    windows = [window("a", 0, MILLION, 2 * MILLION), window("b", 1, 0, MILLION, holds=False)]
    svg = curves.loss(rows, windows)
    lines = marks(svg, "line")
    assert [line.get("stroke") for line in lines] == [COLOURS[0], COLOURS[1], COLOURS[0]]
    # From the upper left to the lower right.
    assert numbers(lines[0].get("d")) == [0, 0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT]
    (band,) = marks(svg, "rect")
    assert numbers(band.get("d"))[:3] == [WIDTH / 4, 0, WIDTH / 4]
    assert float(band.get("opacity", "")) == pytest.approx(0.35 / 2)
    assert {"p", "q", "seed", "loss (nats per token)", "training tokens (millions)"} <= {
        *texts(svg)
    }
    drawn = curves.learning([row | {"learning": row["icl"]} for row in rows], windows)
    assert len(marks(drawn, "line")) == 3 and "d loss / d ln tokens" in texts(drawn)
    assert len(marks(curves.icl(rows, windows), "line")) == 6, "and the paper's points"
    assert "seed" not in texts(curves.loss(curve("a", 0), [])), "one seed needs no legend"


def test_a_model_of_periodic_text_does_not_flatten_the_others():
    rows = [*curve("a", 0), *(row | {"loss": 90.0} for row in curve("b", 0, panel="q"))]
    rows = [row | {"learning": row["loss"]} for row in rows]
    windows = [window("a", 0, 0, MILLION), window("b", 0, 0, MILLION, panel="q")]
    windows[1]["is_periodic"] = True
    shared = curves.learning([{**row, "learning": row["loss"]} for row in curve("a", 0)], windows)
    (alone,) = marks(shared, "line")
    first, second = marks(curves.learning(rows, windows), "line")
    assert first.get("d") == alone.get("d") != second.get("d")
    windows[1]["is_periodic"] = False
    assert marks(curves.learning(rows, windows), "line")[0].get("d") != alone.get("d")


def test_a_line_per_head_and_the_names_of_the_best_two_if_they_are_any_good():
    rows = [
        {"cell": "a", "tokens": tokens, "layer": layer, "name": name, "prefix_matching": score}
        for tokens in (0, 4 * MILLION)
        for layer, name, score in ((0, "L0H0", 0.05), (1, "L1H0", 0.5), (1, "L1H1", 0.0))
    ]
    svg = heads.prefix_matching(rows, [window("a", 0, 0, 2 * MILLION)])
    lines = marks(svg, "line")
    assert sorted(numbers(line.get("d"))[1] / HEIGHT for line in lines) == [0.5, 0.95, 1.0]
    assert [line.get("stroke") for line in lines].count(COLOURS[1]) == 2
    assert [mark.text for mark in marks(svg, "text")] == ["L1H0"]


def test_gates_are_drawn_where_keys_are_smeared():
    rows = [
        {"cell": cell, "tokens": tokens, "layer": 0, "name": "L0H0", "smear_gate": gate}
        for cell, gate in (("a", None), ("b", 0.25))
        for tokens in (0, 1)
    ]
    svg = heads.gates(rows, [])
    (line,) = marks(svg, "line")
    assert numbers(line.get("d"))[1] == 0.75 * HEIGHT
    assert "b" in texts(svg) and "a" not in texts(svg)


def test_ablations_are_drawn_by_mode_on_one_scale():
    rows = [
        {"cell": "a", "tokens": tokens, "layer": 0, "name": "L0H0", "mode": mode, "delta_icl": own}
        for tokens in (0, 1)
        for mode, own in (("full", 1.0), ("pattern", 0.0))
    ]
    (full,) = marks(heads.delta_icl(rows, [], "full"), "line")
    (pattern,) = marks(heads.delta_icl(rows, [], "pattern"), "line")
    # Five hundredths of the extent are left free at either end.
    ends = [numbers(line.get("d"))[1] / HEIGHT for line in (full, pattern)]
    assert ends == pytest.approx([0.05 / 1.1, 1.05 / 1.1], abs=1e-3)


def test_every_head_is_a_point_where_it_has_both_scores():
    row = {"copying": 0.0, "ov_positivity": 1.0, "prefix_matching": 0.5, "qk_positivity": 0.0}
    rows = [row | {"kind": "induction"}, row | {"kind": "other", "qk_positivity": None}]
    found = marks(heads.circuit(rows), "symbol")
    side = heads.SIDE
    assert [place(mark) for mark in found] == [[side / 2, 0], [side / 2, 0], [side / 2, side / 2]]
    colours = [heads.KINDS[kind][0] for kind in ("induction", "other", "induction")]
    assert [mark.get("fill") for mark in found] == colours
    first_layer_only = [row | {"kind": "other", "qk_positivity": None}]
    svg = heads.circuit(first_layer_only)
    assert len(marks(svg, "symbol")) == 1 and "prefix matching" not in texts(svg)


def test_maps_leave_out_the_last_checkpoint_which_has_no_width():
    rows = [
        {"cell": "a", "tokens": tokens, "end_tokens": end, "first_read": 1, "end_read": 10}
        | {"loss": 1.0 + tokens / MILLION, "slope": -0.1}
        for tokens, end in ((0, MILLION), (MILLION, 2 * MILLION), (2 * MILLION, 2 * MILLION))
    ]
    windows = [window("a", 0, 0, MILLION)]
    for svg in (maps.loss_map(rows, windows), maps.slope_map(rows, windows)):
        assert len(marks(svg, "rect")) == 2
        assert [place(rule)[0] for rule in marks(svg, "rule")] == [0, WIDTH / 2]


def test_paths_are_those_of_the_detailed_and_grey_for_all():
    rows = [
        {"cell": cell, "is_detailed": cell == "a", "tokens": i, "pc1": float(i), "pc2": float(i)}
        | {"pc1_share": 0.5, "pc2_share": 0.25, "is_in_window": i == 1}
        for cell in ("a", "b")
        for i in range(3)
    ]
    svg = paths.trajectories(rows)
    strokes = [line.get("stroke") for line in marks(svg, "line")]
    assert strokes.count(GREY) == 2 and strokes.count(COLOURS[0]) == 1
    assert {"a", "PC1 (50 %)", "PC2 (25 %)"} <= {*texts(svg)} and "b" not in texts(svg)


def date(signal: str, estimator: str = "levels", seed: int = 0, panel="p", **found) -> dict:
    none = {
        f"{name}_{end}": None
        for name in ("start", "middle", "end")
        for end in ("tokens", "low", "high")
    }
    row = {"panel": panel, "seed": seed, "signal": signal, "estimator": estimator}
    return {**row, "is_defined": bool(found), **none, **found}


def test_a_bar_reaches_from_start_to_end_with_its_middle_and_intervals():
    dated = date(
        "icl",
        start_tokens=MILLION,
        middle_tokens=2 * MILLION,
        end_tokens=3 * MILLION,
        start_low=0.5 * MILLION,
        start_high=1.5 * MILLION,
    )
    rows = [dated, date("ab"), date("icl", panel="still")]
    svg = dates.phases(rows, [window("a", 0, MILLION, 2 * MILLION)], 4 * MILLION)
    bar, interval = marks(svg, "rule")
    assert place(bar)[0] == WIDTH / 4 and numbers(bar.get("x2")) == [WIDTH / 2]
    assert place(interval)[0] == WIDTH / 8 and numbers(interval.get("x2")) == [WIDTH / 4]
    (middle,) = marks(svg, "symbol")
    assert place(middle)[0] == WIDTH / 2
    assert place(bar)[1] == place(interval)[1] == place(middle)[1], "all on one line"
    assert [mark.text for mark in marks(svg, "text")] == ["not defined here"]
    assert "p" in texts(svg) and "still" not in texts(svg)


def test_bars_of_seeds_and_estimators_lie_side_by_side():
    found = {"start_tokens": 0, "middle_tokens": 0}
    rows = [
        date("icl", estimator, seed, **found, end_tokens=seed * MILLION)
        for seed in (1, 10, 2)
        for estimator in ("levels", "slope")
    ]
    bars = marks(dates.phases(rows, [], 10 * MILLION), "rule")
    from_above = sorted(bars, key=lambda bar: place(bar)[1])
    assert len({place(bar)[1] for bar in bars}) == 6
    assert [bar.get("stroke") for bar in from_above] == [COLOURS[0], COLOURS[5]] * 3
    ends = [numbers(bar.get("x2"))[0] / WIDTH for bar in from_above]
    assert ends == pytest.approx([0.1, 0.1, 0.2, 0.2, 1.0, 1.0]), "seeds in their order"


def share(intervention: str, value: float | None, seed: int = 0, **ends) -> dict:
    row = {"panel": "p", "seed": seed, "intervention": intervention, "share": value}
    return row | {"share_low": None, "share_high": None} | ends


def test_shares_are_dots_and_random_sets_are_small_ones():
    rows = [
        share("knockout", 0.5, share_low=0.25, share_high=9.0),
        share("random_induction", 0.0),
        share("random_induction", 1.0),
        share("without_induction", None),
        share("ideal_both", 0.5),
    ]
    svg = sets.interventions(rows)
    # The scale reaches from -0.25 to 1.25.
    small, other, large = marks(svg, "symbol")
    found = [place(mark)[0] / WIDTH for mark in (small, other, large)]
    assert found == pytest.approx([0.25 / 1.5, 1.25 / 1.5, 0.5], abs=1e-4)
    zero, one, interval = marks(svg, "rule")
    assert [place(mark)[0] / WIDTH for mark in (zero, one)] == pytest.approx(found[:2])
    assert place(interval)[0] / WIDTH == pytest.approx(0.5 / 1.5, abs=1e-4)
    end = place(interval)[0] + numbers(interval.get("x2"))[0]
    assert end == pytest.approx(WIDTH, abs=0.01), "it is cut at the frame"
    assert "clip" not in str(svg), "whose numbers would differ from run to run"


def test_repeats_have_a_line_per_block_and_probe():
    rows = [
        {"panel": "p", "probe": probe, "block": block, "repeat": repeat, "loss": 4.0 - repeat}
        for probe in ("fixed", "gap")
        for block in (10, 25)
        for repeat in (0, 1)
    ]
    lines = marks(repeats.repeats(rows), "line")
    assert sorted((own.get("stroke"), own.get("stroke-dasharray")) for own in lines) == sorted(
        (colour, dash) for colour in COLOURS[:2] for dash in ("1,0", "4,3")
    )
    assert numbers(lines[0].get("d")) == [0, 0, WIDTH, HEIGHT]


def test_labels_are_kept_apart_and_in_order():
    assert weights.apart([0.5, 0.1, 0.52, 0.51], 0.1) == pytest.approx([0.5, 0.1, 0.7, 0.6])
    assert weights.apart([], 0.1) == []


def test_tokens_show_their_spaces():
    assert weights.spelled("ĊĠĠdef") == "↵␣␣def"


def test_panels_of_the_analysis_have_one_frame_and_one_axis_of_training():
    rows = [*curve("a", 0), *curve("b", 0, panel="q")]
    windows = [window("a", 0, 0, 2 * MILLION), window("b", 0, 0, MILLION, holds=False, panel="q")]
    frame = analysis.FRAME
    pictures = analysis.pictures(curves.icl(rows, windows), 8 * MILLION)
    assert list(pictures) == ["p", "q"]
    for svg in pictures.values():
        root = ElementTree.fromstring(svg)
        size = [frame["left"] + frame["width"] + frame["right"]]
        size += [frame["top"] + frame["height"] + frame["bottom"]]
        assert [float(root.get(name, "")) for name in ("width", "height")] == size
        corner = root.find("{http://www.w3.org/2000/svg}g")
        assert corner is not None and place(corner) == [frame["left"], frame["top"]]
        # Training went on to twice as many tokens as these rows have.
        line = numbers(marks(svg, "line")[0].get("d"))
        assert line[::2] == [0, frame["width"] / 4, frame["width"] / 2]
        assert "seed" not in texts(svg), "the row says what colours mean"
    (band,) = marks(pictures["p"], "rect")
    assert numbers(band.get("d"))[:3:2] == [0, frame["width"] / 4]


def test_measures_without_rows_are_left_out():
    none = {name: [] for name in QUERIES}
    assert analysis.measures(none) == []
    found = none | {"curves": curve("a", 0)}
    assert [own.name for own in analysis.measures(found)] == ["loss", "icl"]
    assert analysis.plane([{"pc1": 0.0, "pc2": 1.0}, {"pc1": 10.0, "pc2": 1.0}]) == {
        "pc1": [-0.5, 10.5],
        "pc2": [1.0, 1.0],
    }


def test_a_layer_has_its_colour_where_the_first_has_no_such_score():
    rows = [
        {"cell": "a", "tokens": tokens, "layer": layer, "name": f"L{layer}H0", "qk_trace": trace}
        for tokens in (0, MILLION)
        for layer, trace in ((0, None), (1, 2.0))
    ]
    (line,) = marks(heads.qk_trace(rows, [window("a", 0, 0, MILLION)]), "line")
    assert line.get("stroke") == COLOURS[1]


def test_the_answer_has_the_best_head_of_every_checkpoint_and_thick_windows():
    own = [
        {"cell": "a", "tokens": tokens * MILLION, "name": name, "prefix_matching": score}
        for tokens in (0, 2)
        for name, score in (("L0H0", 0.5), ("L0H1", 0.25))
    ]
    drawn = answer.rows(curve("a", 0), own)
    assert [(row["tokens"], row["prefix_matching"]) for row in drawn] == [
        (0, 0.5),
        (2 * MILLION, 0.5),
    ]
    lines = marks(answer.answer(drawn, [window("a", 0, 0, 2 * MILLION)]), "line")
    assert [line.get("stroke-width") for line in lines] == ["1.3", "4"] * 2
    flat = marks(answer.answer(drawn, [window("a", 0, 0, MILLION, holds=False)]), "line")
    assert [line.get("stroke-width") for line in flat if line.get("d")] == ["1.3"] * 2


def test_a_figure_takes_the_ink_and_the_paper_of_light_and_dark():
    svg = str(curves.loss(curve("a", 0), []))
    assert svg.count("<style>") == 1 and "prefers-color-scheme:dark" in svg
    labels = [own for own in ElementTree.fromstring(svg).iter() if own.tag.endswith("}text")]
    assert labels and {own.get("fill") for own in labels} == {"currentColor"}


def test_attention_is_drawn_of_the_circuit_s_two_heads_where_there_is_some():
    edge = {"is_last": True, "is_circuit": True, "is_detailed": True, "cell": "a"}
    edge |= {"from_layer": 0, "from_head": 1, "layer": 1, "head": 0}
    row = {"cell": "a", "step": 5, "probe": "random", "weights": [255, 200, 55, 0, 255, 2]}
    rows = [row | {"layer": layer, "head": head} for layer, head in ((0, 1), (0, 0), (1, 0))]
    svg = str(weights.attention(rows, [edge], [{"cell": "a", "step": 5, "at": "last"}]))
    assert "L0H1, last" in svg and "L1H0, last" in svg and "L0H0, last" not in svg
    drawn = marks(svg, "rect")
    # Of six weights, the zero and the 2 are left out.
    assert len(drawn) == 2 * 4
    assert len({mark.get("d") for mark in drawn}) == 4


def test_the_edges_of_a_circuit_are_named_at_the_end_alone():
    edge = {"cell": "a", "reader": "k", "is_first": True, "edge": "L0H0>L1H3"}
    rows = [
        edge | {"tokens": at * 1_000_000, "cut": 0.2 * at, "is_circuit": at > 0, "is_last": at == 2}
        for at in (0, 1, 2)
    ]
    other = [row | {"edge": "L0H1>L1H3", "cut": 0.0, "is_circuit": False} for row in rows]
    svg = weights.strengthening(rows + other)
    assert texts(svg).count("L0H0>L1H3") == 1 and "L0H1>L1H3" not in texts(svg)
    assert len(marks(svg, "line")) == 2 and len(marks(svg, "symbol")) == 2


QUERIES = (
    "windows", "answer", "curves", "heads", "positions", "ablations", "undone", "trajectories",
    "phases", "interventions", "repeats", "final_heads",
    *(f"circuit_{name}" for name in weights.QUERIES),
)  # fmt: skip


def test_what_has_no_rows_has_no_figure():
    empty = {name: [] for name in QUERIES}
    assert drawings(empty, 1) == {}
    undefined = empty | {"phases": [date("icl")], "interventions": [share("knockout", None)]}
    undefined["heads"] = [{"smear_gate": None, "qk_trace": None}]
    assert set(drawings(undefined, 1)) == {"prefix_matching", "previous_token"}


def test_every_figure_has_a_caption_and_stands_under_one_heading():
    rows = {name: [{"is_defined": True, "is_detailed": True}] for name in QUERIES}
    rows["heads"] = [{"smear_gate": 0.5, "qk_trace": 1.0}]
    rows["curves"] = [{"learning": -0.5}]
    rows["interventions"] = [{"share": 0.5}]
    rows["ablations"] = [{"mode": "full"}, {"mode": "pattern"}]
    rows["circuit_trigrams"] = [{"is_last": True}]
    rows["circuit_orders"] = [{"gain": 0.1}]
    rows["circuit_paths"] = [{"path": "circuit"}]
    edge = {"is_detailed": True, "from_layer": 0, "is_circuit": True, "is_last": True}
    rows["circuit_edges"] = [edge | {"reader": "k"}]
    listed = [*(name for names in SECTIONS.values() for name in names), *CIRCUITS]
    assert sorted(drawings(rows, 1)) == sorted(CAPTIONS) == sorted(listed)

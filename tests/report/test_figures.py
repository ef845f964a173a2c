"""Figures by their content: which rows are drawn, what is named, what has no figure."""

import math
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import altair as alt
import pytest

from induction.interp.interventions import PATTERNS, SETS
from induction.report.figures import (
    answer,
    circuit_edges,
    head_circuits,
    head_lines,
    head_scatter,
    head_sets,
    loss,
    model_table,
    pca_paths,
    repeats,
    score,
    signal_dates,
    smearing,
)
from induction.report.figures.drawn import data_uri
from induction.report.figures.figure import Figure, Section
from induction.report.figures.frame import (
    COLOURS,
    GREY,
    LAYER_COLOURS,
    MEASURED,
    SEED_COLOURS,
    SHOWN,
    WINDOW,
    Panels,
    themed,
    to_svg,
)
from induction.report.figures.registry import FIGURES
from tests.project import ROOT

MILLION = 1_000_000


def svg(entry: Figure, **results: list[dict]) -> str:
    """The figure, from the results of some queries."""
    drawing = entry.drawing({"windows": [], **results})
    assert drawing is not None
    return str(drawing)


def marks(svg: str, kind: str) -> list[ElementTree.Element]:
    """Every mark of a kind (line, rect, rule, symbol, text) that is no part of axes or legends."""
    return [
        mark
        for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
        if group.get("class", "").startswith(f"mark-{kind} role-mark")
        for mark in group
    ]


def attributes(marks: list[ElementTree.Element], name: str) -> list[str]:
    return [mark.get(name, "") for mark in marks]


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def window(cell: str, seed: int, start: int, end: int, holds: bool = True, panel="p") -> dict:
    return {"cell": cell, "panel": panel, "seed": seed, "is_periodic": False} | {
        "is_phase_change": holds,
        "start_tokens": start,
        "middle_tokens": (start + end) // 2,
        "end_tokens": end,
    }


def curve(cell: str, seed: int, panel: str = "p") -> list[dict]:
    """From 0 to 4 M tokens, ICL falls from 0 to -1."""
    return [
        {"cell": cell, "panel": panel, "seed": seed, "tokens": 2 * MILLION * i}
        | dict.fromkeys(("icl_matched", "icl_matched_low", "icl_matched_high"), -i / 2)
        | dict.fromkeys(("icl", "icl_paper", "learning"), -i / 2)
        | dict.fromkeys(("loss", "loss_low", "loss_high"), 3.0 - i)
        for i in range(3)
    ]


def test_curves_have_a_line_per_seed_and_a_window_for_each_that_changes():
    rows = [*curve("a", 0), *curve("b", 1), *curve("c", 0, panel="q")]
    windows = [window("a", 0, MILLION, 2 * MILLION), window("b", 1, 0, MILLION, holds=False)]
    picture = svg(loss.loss, curves=rows, windows=windows)
    strokes = attributes(marks(picture, "line"), "stroke")
    assert strokes == [SEED_COLOURS[0], SEED_COLOURS[1], SEED_COLOURS[0]]
    assert len(marks(picture, "rect")) == 1
    titles = {"p", "q", "seed", "loss (nats per token)", "training tokens (millions)"}
    assert titles <= {*texts(picture)}
    picture = svg(loss.learning, curves=rows, windows=windows)
    assert len(marks(picture, "line")) == 3 and "slope over ln tokens (nats)" in texts(picture)
    picture = svg(loss.icl, curves=rows, windows=windows)
    assert len(marks(picture, "line")) == 9, "and the usual score, at the paper's points, too"
    assert "seed" not in texts(svg(loss.loss, curves=curve("a", 0))), "one seed needs no legend"


def test_a_model_of_periodic_text_does_not_flatten_the_others():
    rows = [*curve("a", 0), *(row | {"learning": 90.0} for row in curve("b", 0, panel="q"))]
    windows = [window("a", 0, 0, MILLION), window("b", 0, 0, MILLION, panel="q")]

    def first_line(rows: list[dict]) -> str | None:
        return marks(svg(loss.learning, curves=rows, windows=windows), "line")[0].get("d")

    windows[1]["is_periodic"] = True
    alone = first_line(curve("a", 0))
    assert first_line(rows) == alone
    windows[1]["is_periodic"] = False
    assert first_line(rows) != alone


def test_a_line_per_head_and_the_names_of_the_best_two_if_they_are_any_good():
    rows = [
        {"cell": "a", "tokens": tokens, "layer": layer, "name": name, "prefix_matching": score}
        for tokens in (0, 4 * MILLION)
        for layer, name, score in ((0, "L0H0", 0.05), (1, "L1H0", 0.5), (1, "L1H1", 0.0))
    ]
    picture = svg(head_lines.prefix_matching, heads=rows)
    strokes = attributes(marks(picture, "line"), "stroke")
    assert sorted(strokes) == sorted([LAYER_COLOURS[0], LAYER_COLOURS[1], LAYER_COLOURS[1]])
    assert [mark.text for mark in marks(picture, "text")] == ["L1H0"]


def test_gates_are_drawn_where_keys_are_smeared():
    rows = [
        {"cell": cell, "tokens": tokens, "layer": 0, "name": "L0H0", "smear_gate": gate}
        for cell, gate in (("a", None), ("b", 0.25))
        for tokens in (0, 1)
    ]
    picture = svg(head_lines.gates, heads=rows)
    assert len(marks(picture, "line")) == 1
    assert "b" in texts(picture) and "a" not in texts(picture)


def test_ablations_are_drawn_by_mode_on_one_scale():
    rows = [
        {"cell": "a", "tokens": tokens, "layer": 0, "name": "L0H0", "mode": mode, "delta_icl": d}
        for tokens in (0, 1)
        for mode, d in (("full", 1.0), ("pattern", 0.0))
    ]
    (full,) = marks(svg(head_lines.ablation_full, ablations=rows), "line")
    (pattern,) = marks(svg(head_lines.ablation_pattern, ablations=rows), "line")
    assert full.get("d") != pattern.get("d"), "with scales of their own they would be the same"


def test_every_head_is_a_point_where_it_has_both_scores():
    row = {"copying": 0.0, "ov_positivity": 1.0, "prefix_matching": 0.5, "qk_positivity": 0.0}
    rows = [row | {"kind": "induction"}, row | {"kind": "other", "qk_positivity": None}]
    colours = [
        mark.get("fill") for mark in marks(svg(head_scatter.circuit, final_heads=rows), "symbol")
    ]
    kinds = ("induction", "other", "induction")
    assert colours == [head_scatter.KINDS[kind][0] for kind in kinds]
    picture = svg(head_scatter.circuit, final_heads=rows[1:])
    assert len(marks(picture, "symbol")) == 1 and "prefix matching" not in texts(picture)


def test_maps_leave_out_the_last_checkpoint_which_has_no_width():
    rows = [
        {"cell": "a", "tokens": tokens, "end_tokens": end, "first_read": 1, "end_read": 10}
        | {"loss": 1.0 + tokens / MILLION, "slope": tokens / MILLION}
        for tokens, end in ((0, MILLION), (MILLION, 2 * MILLION), (2 * MILLION, 2 * MILLION))
    ]
    for entry in (loss.loss_map, loss.slope_map):
        picture = svg(entry, positions=rows, windows=[window("a", 0, 0, MILLION)])
        assert len(marks(picture, "rect")) == len(marks(picture, "rule")) == 2


def test_maps_have_one_rectangle_for_what_looks_alike():
    losses = (1.0, 1.01, 3.0, 1.0)
    rows = [
        {"cell": "a", "tokens": i * MILLION, "end_tokens": (i + 1) * MILLION}
        | {"first_read": 1, "end_read": 10, "loss": value, "slope": -value}
        for i, value in enumerate(losses)
    ]
    rectangles = marks(svg(loss.loss_map, positions=rows), "rect")
    widths = [float(re.findall(r"h([\d.]+)v", each.get("d", ""))[0]) for each in rectangles]
    assert widths == pytest.approx([2 * widths[1], widths[1], widths[1]])
    fills = attributes(rectangles, "fill")
    assert fills[0] == fills[2] != fills[1]
    assert len(marks(svg(loss.slope_map, positions=rows), "rect")) == 1, "all beyond the scale"


def test_paths_have_the_marks_that_their_caption_names():
    rows = [
        {"cell": cell, "is_detailed": cell == "a", "tokens": i, "pc1": float(i), "pc2": float(i)}
        | {"pc1_share": 0.5, "pc2_share": 0.25, "is_in_window": i in (1, 2)}
        for cell in ("a", "b")
        for i in range(5)
    ]
    picture = svg(pca_paths.pca, trajectories=rows)
    lines = attributes(marks(picture, "line"), "stroke")
    assert lines.count(GREY) == 2, "all cells"
    assert lines.count(WINDOW) == lines.count("currentColor") == 1 and len(lines) == 4
    start, end = marks(picture, "symbol")
    assert start.get("stroke") == "currentColor" and start.get("fill") is None, "a circle"
    assert end.get("fill") == "currentColor" and end.get("stroke") is None, "a square"
    assert "A" in start.get("d", "") and "A" not in end.get("d", ""), "arcs"
    path = next(m for m in marks(picture, "line") if m.get("stroke") == "currentColor").get("d", "")
    first, *_, last = re.findall(r"[\d.]+,[\d.]+", path)
    assert start.get("transform") == f"translate({first})"
    assert end.get("transform") == f"translate({last})"
    assert {"a", "PC1 (50 %)", "PC2 (25 %)"} <= {*texts(picture)} and "b" not in texts(picture)
    for word in ("Circle: the start", "square: the end", "yellow: the phase window", "grey"):
        assert word in pca_paths.pca.caption
    still = [row | {"is_in_window": False} for row in rows]
    strokes = attributes(marks(svg(pca_paths.pca, trajectories=still), "line"), "stroke")
    assert WINDOW not in strokes
    plane = pca_paths.plane([{"pc1": 0.0, "pc2": 1.0}, {"pc1": 10.0, "pc2": 1.0}])
    assert plane == {"pc1": [-0.5, 10.5], "pc2": [1.0, 1.0]}


def test_panels_apart_have_their_titles_and_one_legend():
    panels = loss.learning.drawing({"curves": [*curve("a", 0), *curve("b", 1, "q")], "windows": []})
    assert isinstance(panels, Panels)
    names = {"p": "A model that has a long name, and a variation of it"}
    first, last = panels.pieces(names, {"q"}).values()
    assert "A model that has a long name, and<" in first and ">a variation of it<" in first
    assert "q" in texts(last)
    assert "seed" not in texts(first) and "seed" in texts(last)
    first, last = panels.pieces(names, {"p"}).values()
    assert "seed" in texts(first) and "seed" not in texts(last), "where a reader sees it"


def test_a_picture_in_an_attribute_is_the_picture():
    text = '<svg a="1 &amp; %20 #2"><text>it\'s &lt; "é" −1</text></svg>'
    uri = data_uri(text)
    assert not set('"&#') & set(uri)
    read = ElementTree.fromstring(unquote(uri.partition(",")[2]))
    assert read.get("a") == "1 & %20 #2"
    assert (read[0].text or "").replace("'", '"') == 'it"s < "é" −1'


def date(signal: str, estimator: str = "levels", seed: int = 0, panel="p", **dates: float) -> dict:
    undefined = {
        f"{name}_{end}": None
        for name in ("start", "middle", "end")
        for end in ("tokens", "low", "high")
    }
    row = {"panel": panel, "seed": seed, "signal": signal, "estimator": estimator}
    return {**row, "is_defined": bool(dates), **undefined, **dates}


def test_a_signal_that_changes_has_its_bar_middle_and_intervals():
    dated = date("icl", start_tokens=1, middle_tokens=2, end_tokens=3, start_low=0.5, start_high=2)
    rows = [dated, date("ab"), date("icl", panel="still")]
    picture = svg(signal_dates.phases, phases=rows, curves=[{"tokens": 4}])
    assert len(marks(picture, "rule")) == 2, "a bar, and the interval of its start"
    assert len(marks(picture, "symbol")) == 1
    assert [mark.text for mark in marks(picture, "text")] == ["not defined here"]
    assert "p" in texts(picture) and "still" not in texts(picture)


def test_every_seed_and_estimator_has_a_bar():
    rows = [
        date("icl", estimator, seed, start_tokens=0, middle_tokens=0, end_tokens=seed * MILLION)
        for seed in (1, 10, 2)
        for estimator in ("levels", "slope")
    ]
    bars = marks(svg(signal_dates.phases, phases=rows, curves=[{"tokens": 10 * MILLION}]), "rule")
    assert len({bar.get("transform") for bar in bars}) == 6
    strokes = attributes(bars, "stroke")
    assert sorted(strokes) == sorted([*signal_dates.ESTIMATORS.values()] * 3)


def share(intervention: str, value: float | None, seed: int = 0, **ends: float) -> dict:
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
    picture = svg(head_sets.interventions, interventions=rows)
    assert len(marks(picture, "symbol")) == 3 and len(marks(picture, "rule")) == 3
    assert "clip" not in picture, "whose numbers would differ from run to run"


def test_repeats_have_a_line_per_block_and_probe():
    rows = [
        {"panel": panel, "probe": probe, "block": block, "repeat": repeat, "loss": 4.0 - repeat}
        | ({"vocab_size": 512, "chance": math.log(512)} if panel == "p" else {"chance": None})
        for panel in ("p", "other text")
        for probe in ("fixed", "gap")
        for block in (10, 25)
        for repeat in (0, 1)
    ]
    picture = svg(repeats.repeats, repeats=rows)
    looks = [(line.get("stroke"), line.get("stroke-dasharray")) for line in marks(picture, "line")]
    expected = [(colour, dash) for colour in COLOURS[:2] for dash in ("1,0", "4,3")]
    assert sorted(looks) == sorted(2 * expected)
    assert [mark.text for mark in marks(picture, "text")] == ["chance: ln(512) = 6.24"]
    (rule,) = marks(picture, "rule")
    # The lowest loss is 3, at the foot; chance is the highest value, at the top.
    assert rule.get("transform", "").endswith(",0)")


def test_labels_are_kept_apart_and_in_order():
    assert circuit_edges.apart([0.5, 0.1, 0.52, 0.51], 0.1) == pytest.approx([0.5, 0.1, 0.7, 0.6])
    assert circuit_edges.apart([], 0.1) == []


def test_panels_of_the_model_table_are_pictures_of_one_size_without_a_legend():
    panels = loss.icl.drawing({"curves": [*curve("a", 0), *curve("b", 0, "q")], "windows": []})
    assert isinstance(panels, Panels)
    pictures = model_table.pictures(panels, 8 * MILLION)
    assert list(pictures) == ["p", "q"]
    sizes = {re.findall(r'viewBox="([^"]+)"', picture)[0] for picture in pictures.values()}
    assert len(sizes) == 1
    assert all("seed" not in texts(picture) for picture in pictures.values())


def test_a_layer_has_its_colour_where_the_first_has_no_such_score():
    rows = [
        {"cell": "a", "tokens": tokens, "layer": layer, "name": f"L{layer}H0", "qk_trace": trace}
        for tokens in (0, MILLION)
        for layer, trace in ((0, None), (1, 2.0))
    ]
    (line,) = marks(svg(head_lines.qk_trace, heads=rows), "line")
    assert line.get("stroke") == LAYER_COLOURS[1]


MODELS = [{"cell": "a", "panel": "a", "kind": "two-layer model", "label": "two layers"}]


def test_the_answer_has_thick_lines_inside_windows():
    rows = [row | {"prefix_matching": 0.5} for row in curve("a", 0)]

    def widths(holds: bool) -> list[str | None]:
        windows = [window("a", 0, 0, 2 * MILLION, holds)]
        lines = marks(svg(answer.answer, answer=rows, windows=windows, models=MODELS), "line")
        return [line.get("stroke-width") for line in lines if line.get("d")]

    assert widths(True) == ["1.4", "4.5"] * 2 and widths(False) == ["1.4"] * 2


def test_a_figure_takes_the_ink_and_the_paper_of_light_and_dark():
    picture = svg(loss.loss, curves=curve("a", 0))
    assert picture.count("<style>") == 1 and "prefers-color-scheme:dark" in picture
    elements = ElementTree.fromstring(picture).iter()
    inks = {element.get("fill") for element in elements if element.tag.endswith("}text")}
    assert inks == {"currentColor"}


def test_attention_is_drawn_of_the_circuit_s_two_heads_where_there_is_some():
    edge = {"is_last": True, "is_circuit": True, "is_detailed": True, "cell": "a"}
    edge |= {"from_layer": 0, "from_head": 1, "layer": 1, "head": 0}
    row = {"cell": "a", "step": 5, "probe": "random", "weights": [255, 200, 55, 0, 255, 2]}
    picture = svg(
        head_circuits.circuit_attention,
        circuit_edges=[edge],
        circuit_attention=[row | {"layer": x, "head": y} for x, y in ((0, 1), (0, 0), (1, 0))],
        circuit_readings=[{"cell": "a", "step": 5, "at": "last"}],
    )
    assert "L0H1, last" in picture and "L1H0, last" in picture and "L0H0, last" not in picture
    # Of six weights, the zero and the 2 are left out.
    squares = marks(picture, "rect")
    assert len(squares) == 2 * 4
    # Less attention is more of the page, be it light or dark.
    weak = "rgba(0, 114, 178, 0.22)"
    assert {*attributes(squares, "fill")} == {"#0072b2", "rgba(0, 114, 178, 0.78)", weak}


def test_the_edges_of_a_circuit_are_named_at_the_end_alone():
    edge = {"cell": "a", "receiver_input": "k", "is_first": True, "edge": "L0H0>L1H3"}
    rows = [
        edge
        | {"tokens": at * 1_000_000, "icl_lost": 0.2 * at, "is_circuit": at > 0, "is_last": at == 2}
        for at in (0, 1, 2)
    ]
    other = [row | {"edge": "L0H1>L1H3", "icl_lost": 0.0, "is_circuit": False} for row in rows]
    picture = svg(circuit_edges.circuit_edges, circuit_edges=rows + other)
    assert texts(picture).count("L0H0>L1H3") == 1 and "L0H1>L1H3" not in texts(picture)
    assert len(marks(picture, "line")) == 2 and len(marks(picture, "symbol")) == 2
    # In the ink of the page: the colours of lines are too pale for letters.
    assert attributes(marks(picture, "text"), "fill") == ["currentColor"]


def test_tokens_of_skip_trigrams_show_their_spaces():
    row = {"cell": "a", "layer": 0, "head": 1, "row": 0, "is_last": True, "effect": 1.0, "lift": 2}
    tokens = {"source": "Ġa", "destination": "<b>", "out": "ĊĠdef"}
    entry = next(entry for entry in FIGURES if entry.name == "circuit_trigrams")
    picture = svg(entry, circuit_trigrams=[row | tokens, row | tokens | {"row": 8}])
    assert {"a L0H1", "␣a … <b> → ↵␣def"} <= {*texts(picture)}
    assert len(marks(picture, "rect")) == 1


def test_figures_are_laid_out_in_the_font_of_the_renderer():
    """A machine may have any Arial; it may decide how a figure looks, but about no byte of it."""
    chart = alt.Chart(alt.Data(values=[{"x": "a"}])).mark_point().encode(x="x:N")
    assert themed(chart)["config"]["font"] == MEASURED
    families = set(re.findall(r'font-family="([^"]+)"', to_svg(chart)))
    assert families == {SHOWN} and MEASURED in SHOWN


def test_what_has_no_rows_has_no_figure():
    empty = {entry.query: [] for entry in FIGURES}
    assert [entry.drawing(empty) for entry in FIGURES] == [None] * len(FIGURES)
    assert signal_dates.phases.drawing(empty | {"phases": [date("icl")]}) is None
    assert head_lines.gates.drawing(empty | {"heads": [{"smear_gate": None}]}) is None
    shares = [share("knockout", None), share("ideal_both", 0.5)]
    assert head_sets.interventions.drawing(empty | {"interventions": shares}) is None


def test_every_figure_is_one_entry_with_a_caption_and_a_query():
    names = [entry.name for entry in FIGURES]
    assert len(names) == len(set(names)) == 32
    queries = {path.stem for path in (ROOT / "induction/sql/report").glob("*.sql")}
    for entry in FIGURES:
        assert entry.caption.endswith(".") and entry.query in queries, entry.name
        assert entry.name.startswith("circuit_") == (entry.section is Section.CIRCUITS)


def test_lines_of_the_answer_are_named_at_their_ends():
    rows = [row | {"prefix_matching": 0.5} for row in curve("a", 0)]
    picture = svg(answer.answer, answer=rows, windows=[window("a", 0, 0, 1, False)], models=MODELS)
    assert picture.count(">two layers<") == 2, "in either panel"
    drawing = answer.answer.drawing({"answer": rows, "windows": [], "models": MODELS})
    assert isinstance(drawing, Panels) and len([*drawing.charts()]) == 2


def test_scores_have_an_interval_each():
    row = {"cell": "a", "is_detailed": True, "icl_final": -0.5, "icl_matched": -0.45}
    row |= {"icl_final_low": -0.7, "icl_final_high": -0.3}
    row |= {"icl_matched_low": -0.5, "icl_matched_high": -0.4}
    picture = svg(score.scores, cells=[row], models=MODELS)
    assert picture.count(">two-layer model<") == 1 and ">matched<" in picture
    assert len(marks(picture, "rule")) == 3, "zero, and an interval by either score"


def test_stages_are_those_of_the_deepest_model_with_smeared_keys():
    def head(cell: str, layer: int, gate: float | None, value: float, tokens: int) -> dict:
        row = {"cell": cell, "layer": layer, "name": f"L{layer}H0", "smear_gate": gate}
        return row | {"prefix_matching": value, "tokens": tokens}

    rows = [
        head(cell, layer, gate, value, tokens)
        for cell, layer, gate in (("s", 0, 0.5), ("t", 0, 0.5), ("t", 1, 0.5), ("a", 2, None))
        for tokens, value in ((0, 0.1), (MILLION, 0.7))
    ]
    picture = svg(smearing.stages, heads=rows, windows=[])
    assert ">layer 0 (L0H0)<" in picture and ">layer 1 (L1H0)<" in picture
    assert "layer 2" not in picture
    assert smearing.stages.drawing({"heads": rows[-2:], "windows": []}) is None


def test_every_intervention_has_words_of_its_own():
    removed = {f"{how}_{name}" for name in SETS for how in ("without", "random")}
    assert {*head_sets.INTERVENTIONS} == {*PATTERNS} | removed
    assert len({*head_sets.INTERVENTIONS.values()}) == len(head_sets.INTERVENTIONS)
    assert {*head_sets.DRAWN} <= {*head_sets.INTERVENTIONS}


@pytest.mark.parametrize("count", [1, 2])
def test_a_caption_speaks_of_seeds_texts_and_sets_that_are_there(count):
    windows = [window("a", seed, 0, 1, panel="p") for seed in range(count)]
    windows += [windows[0] | {"panel": "q", "is_periodic": count > 1}]
    drawn = [{"intervention": "random_induction", "share": 0.1 if count > 1 else None}]
    chances = [{"chance": 1.0 if count == 1 else None}]
    results = {"windows": windows, "interventions": drawn, "repeats": chances}
    for entry in FIGURES:
        caption = entry.of_study(results).caption
        said = [sentence in caption for _, sentence in entry.also]
        assert said == [count > 1] * len(entry.also), entry.name
        assert caption.startswith(entry.caption)
    assert sum(bool(entry.also) for entry in FIGURES) > 8

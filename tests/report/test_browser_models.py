"""Section Models in a browser: panels by choice, and one training step in all of them."""

import csv
from xml.etree import ElementTree

import pytest

from induction.report.formatting import fixed
from tests.browser import WIDTHS, Reader, beside_the_window, render

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", WIDTHS)
def test_pointing_at_one_panel_marks_the_step_in_all(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    assert reader.line() == 1, "the end of training, before anyone points"
    plot = reader.page.locator("#m-icl .plot").first
    rows = list(csv.DictReader(reader.download("#m-icl .take button").splitlines()))
    (curve, end) = (next(r for r in rows[i:] if r["cell"] == "attn1_s0") for i in (12, 35))
    through = int(curve["tokens"]) / int(end["tokens"])
    share = (42 + 230 * through) / 280  # of a picture, as FRAME has it
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None and 0.1 < through < 0.9
    reader.page.mouse.move(box["x"] + share * box["width"], box["y"] + 60)
    reader.page.wait_for_function("document.body.style.getPropertyValue('--at') !== '1'")
    assert reader.line() == pytest.approx(through)
    assert reader.text("#step-says") == f"{int(curve['tokens']) / 1e6:.2f} M tokens"
    marks = reader.page.evaluate(
        "[...document.querySelectorAll('.plot .at')].map((mark) => { const box = "
        "mark.getBoundingClientRect(), plot = mark.closest('.plot').getBoundingClientRect();"
        "return (box.left - plot.left) / plot.width; })"
    )
    assert len(marks) > 10
    assert marks == pytest.approx([share] * len(marks), abs=0.005)
    assert reader.text("#m-icl .panel .value") == fixed(float(curve["icl_matched"]), "%.2f")
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_the_slider_of_steps_moves_every_readout(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    before = reader.text("#m-loss .panel .value")
    reader.page.locator("#step").focus()
    reader.page.keyboard.press("Home")
    assert reader.line() == 0 and reader.text("#m-loss .panel .value") != before
    dot = reader.page.locator("#m-pca .dot").first.bounding_box()
    reader.page.keyboard.press("ArrowRight")
    assert 0 < reader.line() < 0.1
    assert reader.page.locator("#m-pca .dot").first.bounding_box() != dot
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_the_ring_lies_on_the_path_where_it_starts_and_where_it_ends(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    picture = ElementTree.fromstring(reader.download("#m-pca .take button >> nth=1"))
    marks = {
        kind: next(
            mark
            for group in picture.iter("{http://www.w3.org/2000/svg}g")
            if group.get("class", "").endswith(f"layer_{layer}_marks")
            for mark in group
        ).get("transform", "")
        for kind, layer in (("Home", 3), ("End", 4))
    }
    reader.page.locator("#step").focus()
    for key, transform in marks.items():
        reader.page.keyboard.press(key)
        x, y = map(float, transform.removeprefix("translate(").removesuffix(")").split(","))
        ring, plot = (
            reader.page.locator(f"#m-pca {part}").first.bounding_box() for part in (".dot", ".plot")
        )
        assert ring and plot
        scale = plot["width"] / 280
        middle = (ring["x"] + ring["width"] / 2 - plot["x"], ring["y"] + ring["height"] / 2)
        assert middle[0] == pytest.approx(scale * (42 + x), abs=1.5)
        assert middle[1] - plot["y"] == pytest.approx(scale * (6 + y), abs=1.5)


@pytest.mark.parametrize("width", WIDTHS)
def test_panels_come_and_go_as_their_model_is_chosen(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    measures = reader.page.locator(".measure").count()
    panels = reader.page.locator(".panel")
    boxes = reader.page.locator("#picker input")
    shown = "[...document.querySelectorAll('#m-icl .panel')].map((each) => each.dataset.panel)"
    assert panels.count() == 3 * measures
    assert beside_the_window(reader, ".panel, .pieces img, #picker label") == []
    (other,) = [i for i in range(boxes.count()) if not boxes.nth(i).is_checked()]
    first = reader.page.evaluate(shown)
    pictures = reader.page.locator("#repeats img")
    assert pictures.count() == 3
    boxes.nth(other).focus()
    reader.page.keyboard.press("Space")
    assert panels.count() == 4 * measures, "one in every row"
    ordered = boxes.evaluate_all("(boxes) => boxes.map((box) => box.value)")
    assert reader.page.evaluate(shown) == ordered, "in their order, wherever they come from"
    assert pictures.count() == 4
    assert all(reader.page.locator("#m-icl .value").all_inner_texts()), "at today's step"
    assert beside_the_window(reader, ".panel, .pieces img") == []
    reader.page.locator("#step").focus()
    reader.page.keyboard.press("Home")
    chosen = f"#m-loss .panel[data-panel='{ordered[other]}'] .value"
    start = reader.text(chosen)
    picture = reader.download("#m-icl .take button >> nth=1")
    assert picture.count("class='marks'") == 4, "the picture is what is seen"
    boxes.nth(other).uncheck()
    assert reader.page.evaluate(shown) == first
    reader.page.locator("#step").focus()
    reader.page.keyboard.press("End")
    boxes.nth(other).check()
    assert reader.text(chosen) != start, "it comes back at the step of the others"
    boxes.first.uncheck()
    boxes.first.check()
    assert reader.page.evaluate(shown) == ordered, "the first is the first again"
    broken = "[...document.images].filter((image) => !image.naturalWidth).length"
    assert reader.page.evaluate(broken) == 0
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_without_a_model_every_row_and_figure_says_what_to_do(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    boxes = reader.page.locator("#picker input:checked")
    rows = reader.page.locator(".panels").count()
    assert reader.page.locator(".empty").count() < rows
    while boxes.count():
        boxes.first.uncheck()
    says = reader.page.locator(".panels .empty")
    assert {*says.all_inner_texts()} == {"Choose a model above."} and says.count() == rows
    empty = reader.page.locator(".pieces > div").evaluate_all(
        "(rows) => rows.filter((row) => !row.querySelector('img, .empty')).length"
    )
    assert empty == 0
    reader.page.locator("#picker input").first.check()
    assert says.count() == 0 and reader.page.locator(".panels .panel").count() == rows
    assert "Choose" not in "".join(reader.page.locator(".empty").all_inner_texts())
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_twenty_models_fit_every_window(browser, tmp_path, width):
    models = ("attn1", "attn2", "attn3", "smear1", "smear2", "mlp2", "rotary2", "learned2")
    folder = render(
        tmp_path, cells=tuple(f"{model}_s{seed}" for model in models for seed in (0, 1))
    )
    reader = Reader(browser, folder / "index.html", width)
    boxes = reader.page.locator("#picker input")
    assert boxes.count() == len(models)
    assert reader.page.locator("#m-loss .panel").count() == 3
    for i in range(boxes.count()):
        boxes.nth(i).check()
    assert reader.page.locator("#m-loss .panel").count() == len(models)
    assert beside_the_window(reader, ".panel, .pieces img, #picker label") == []
    assert not reader.complaints


def test_the_page_paints_within_a_second(browser, default_study):
    painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    times = [Reader(browser, default_study / "index.html").page.evaluate(painted) for _ in range(3)]
    assert min(times) < 1000, "milliseconds"

"""Section Heads in a browser: what a head is, beside where it looks."""

import csv
import json

import pytest

from tests.browser import WIDTHS, Reader, beside_the_window

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", WIDTHS)
def test_heads_are_looked_at_checkpoint_by_checkpoint(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    reader.page.locator("#heads select.cell").select_option("attn2_s0")
    pressed = reader.page.locator("#heads button[aria-pressed='true']")
    cells = json.loads((default_study / "metrics.json").read_text(encoding="utf-8"))["cells"]
    assert pressed.count() == 1 and pressed.inner_text() == cells["attn2_s0"]["best_head"]
    assert "last" in reader.text("#reading-says")

    def weights() -> list[float]:
        """Attention on the token after the earlier occurrence, of the second block's tokens."""
        rows = list(csv.DictReader(reader.download("#attention .take button").splitlines()))
        block = (1 + max(int(row["query"]) for row in rows)) // 2
        return [
            float(row["attention"])
            for row in rows
            if int(row["query"]) > block and int(row["query"]) - int(row["key"]) == block - 1
        ]

    after = weights()
    reader.page.locator("#reading").focus()
    reader.page.keyboard.press("Home")
    assert "first" in reader.text("#reading-says")
    before = weights()
    assert sum(after) / len(after) > 0.4 > 0.1 > sum(before) / len(before)
    reader.page.locator("#heads .of-cell:visible button.head").first.click()
    assert reader.text("#reading-says").startswith("L0H0 of the two-layer attention-only model")
    assert reader.page.locator("#attention svg").count() == 2
    reader.page.locator("#attention svg").first.hover(position={"x": 20, "y": 130})
    assert "attends to" in reader.text("#attention .says")
    assert not reader.complaints


def test_pictures_stand_beside_the_table_and_both_in_the_window(browser, default_study):
    reader = Reader(browser, default_study / "index.html")
    reader.page.locator("#heads .controls").evaluate("(element) => element.scrollIntoView()")
    table = reader.page.locator("#heads .heads-table:visible")
    maps = reader.page.locator("#attention svg")
    (left, *_), right = ([each.bounding_box() for each in boxes.all()] for boxes in (table, maps))
    assert len(right) == 2
    for picture in right:
        assert left and picture and left["x"] + left["width"] <= picture["x"]
        assert picture["y"] > 0 and picture["y"] + picture["height"] < 900
    assert left and left["y"] > 0 and left["y"] + left["height"] < 900
    assert beside_the_window(reader, "#heads td, #attention svg") == []


LINES = (
    "[...document.querySelectorAll('#heads .of-cell:not([hidden]) .spark')].map((spark) => {"
    "const box = spark.getBoundingClientRect();"
    "return box.width && (spark.querySelector('.at').getBoundingClientRect().left - box.left)"
    " / box.width; })"
)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_line_in_small_curves_is_at_the_checkpoint_that_is_named(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)

    def stands_at_its_checkpoint() -> float:
        tokens = float(reader.text("#reading-says").split(", ")[-1].split()[0])
        (line,) = {round(place, 2) for place in reader.page.evaluate(LINES) if place}
        end = float(reader.text("#step-says").split()[0])
        assert line == pytest.approx(tokens / end, abs=0.02)
        return line

    assert stands_at_its_checkpoint() == 1
    reader.page.locator("#reading").fill("1")
    assert stands_at_its_checkpoint() < 0.9
    reader.page.locator("#heads select.cell").select_option("attn1_s0")
    assert "last" in reader.text("#reading-says") and stands_at_its_checkpoint() == 1
    curve = reader.page.locator("#heads .of-cell:visible .spark").first
    curve.click(position={"x": 45, "y": 10})
    assert reader.page.locator("#reading").input_value() != "0"
    assert 0 < stands_at_its_checkpoint() < 1
    says = reader.text("#reading-says")
    reader.page.locator("#step").evaluate(
        "(slider) => { slider.value = 3; slider.dispatchEvent(new Event('input')); }"
    )
    assert reader.line() < 0.2 and reader.text("#reading-says") == says
    assert {round(place, 2) for place in reader.page.evaluate(LINES) if place} != {0.0}
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_choosing_a_head_moves_nothing_and_shows_where_it_looks(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    head = reader.page.locator("#heads .of-cell:visible button.head").last
    head.evaluate("(button) => button.scrollIntoView({ block: 'end' })")
    before = head.bounding_box()
    head.click()
    assert head.bounding_box() == before
    for picture in reader.page.locator("#attention svg").all():
        box = picture.bounding_box()
        assert box and before and box["y"] > 0 and box["y"] + box["height"] < 900
        assert width > 1000 or box["y"] + box["height"] < before["y"], "nothing hides the head"


@pytest.mark.parametrize("width", WIDTHS)
def test_more_of_a_circuit_is_of_the_same_model(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    reader.page.locator("#heads select.cell").select_option("smear1_s0")
    link = reader.page.locator("#heads .of-cell:visible a[href^='circuits']")
    reader.uri = reader.uri.replace("index", "circuits")
    link.click()
    reader.page.wait_for_selector("html.ready", state="attached")
    assert reader.page.locator("#cell").input_value() == "smear1_s0"
    assert "smear1_s0" in reader.text("#explorer h3")
    top = reader.page.locator("#explore").evaluate("(h) => h.getBoundingClientRect().top")
    assert -1 < top < 900
    reader.page.evaluate("location.hash = '#attn2_s0'")
    reader.page.wait_for_function("document.getElementById('cell').value === 'attn2_s0'")
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_all_columns_come_on_demand(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)

    def visible() -> int:
        return reader.page.locator("#heads .of-cell:visible tbody tr").first.evaluate(
            "(row) => [...row.cells].filter((cell) => cell.offsetWidth).length"
        )

    assert visible() == 4
    maps, table = (
        reader.page.locator(each).first for each in ("#attention", ".heads-table:visible")
    )
    reader.page.locator("#all-columns").focus()
    before, heads = (each.bounding_box() for each in (maps, table))
    reader.page.keyboard.press("Enter")
    every = reader.page.locator("#heads .heads-table").first.locator("th").count()
    assert visible() == every > 10
    assert reader.page.locator("#all-columns").get_attribute("aria-pressed") == "true"
    assert reader.text("#all-columns") == "fewer columns"
    seen, now = (each.bounding_box() for each in (maps, table))
    assert seen and before and now and heads
    assert (now["x"], now["y"]) == (heads["x"], heads["y"]), "the table stays where it is"
    if width == 390:
        assert (seen["x"], seen["y"]) == (before["x"], before["y"]), "the pictures, too"
    else:
        assert now["width"] > heads["width"] and seen["y"] > now["y"], "they make room for it"
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 390:
        assert beside_the_window(reader, "#heads .heads-table td, #attention svg") == []
    reader.page.locator("#all-columns").click()
    assert visible() == 4 and reader.text("#all-columns") == "all columns"
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_a_model_is_put_in_when_it_is_chosen_or_printed(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    of = "#heads .of-cell[data-cell='{}'], #tokens .of-cell[data-cell='{}']"
    cells = reader.page.locator("#heads option").evaluate_all("(all) => all.map((o) => o.value)")
    (later,) = [cell for cell in cells if not reader.page.locator(of.format(cell, cell)).count()]
    reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for cell in cells:
        assert reader.page.locator(of.format(cell, cell)).count() == 2, "heads, and tokens"
        assert reader.page.locator(of.format(cell, cell)).first.is_visible()
    reader.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert reader.page.locator("#heads .of-cell:visible").count() == 1
    reader.page.locator("#heads select.cell").select_option(later)
    assert reader.page.locator(of.format(later, later)).first.is_visible()
    assert reader.page.locator("#heads .of-cell:visible").count() == 1
    assert reader.page.locator("#heads button[aria-pressed='true']").is_visible()
    assert reader.page.locator("#tokens select.cell").input_value() == later
    assert beside_the_window(reader, "#heads .heads-table td, #tokens .tokens-list td") == []
    assert not reader.complaints

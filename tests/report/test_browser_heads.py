"""Section Heads in a browser: what a head is, beside where it looks."""

import csv
import json

import pytest

from tests.browser import WIDTHS, Reader, beside_the_window


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
    assert "first" in reader.text("#reading-says") and reader.line() == 0
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


@pytest.mark.parametrize("width", WIDTHS)
def test_all_columns_come_on_demand(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)

    def visible() -> int:
        return reader.page.locator("#heads .of-cell:visible tbody tr").first.evaluate(
            "(row) => [...row.cells].filter((cell) => cell.offsetWidth).length"
        )

    assert visible() == 4
    reader.page.locator("#all-columns").focus()
    reader.page.keyboard.press("Enter")
    every = reader.page.locator("#heads .heads-table").first.locator("th").count()
    assert visible() == every > 10
    assert reader.page.locator("#all-columns").get_attribute("aria-pressed") == "true"
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 390:
        assert beside_the_window(reader, "#heads .heads-table td, #attention svg") == []
    reader.page.locator("#all-columns").click()
    assert visible() == 4
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

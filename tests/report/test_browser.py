"""The pages in a browser: what a reader sees and does."""

import csv
import json
from xml.etree import ElementTree

import pytest

from tests.browser import WIDTHS, Reader, render
from tests.madeup import FILE, ODD, TOKEN

SPELLED = TOKEN.replace("Ġ", " ")
SECTIONS = ("answer-first", "models", "heads", "tokens", "claims", "controls", "made")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["index", "circuits"])
def test_it_opens_from_disk_without_a_network_or_a_complaint(browser, folder, name, width):
    reader = Reader(browser, folder / f"{name}.html", width)
    for section in SECTIONS if name == "index" else ("circuits", "edges", "explore", "figures"):
        heading = reader.page.locator(f"#{section}")
        assert heading.is_visible(), section
        assert reader.text(f"#{section}").strip(), section
    across = reader.page.evaluate("document.documentElement.scrollWidth")
    assert across <= width, "wide tables scroll inside their own box"
    broken = reader.page.evaluate(
        "Promise.all([...document.images].map((image) => image.decode().then(() => null,"
        " () => image.alt))).then((names) => names.filter((name) => name !== null))"
    )
    assert not broken
    assert not reader.complaints
    assert (folder / f"{name}.html").stat().st_size < 10_000_000


@pytest.mark.parametrize("width", WIDTHS)
def test_pointing_at_one_panel_marks_the_step_in_all(browser, strange, width):
    reader = Reader(browser, strange / "index.html", width)
    assert reader.line() == 1, "the end of training, before anyone points"
    panel = reader.page.locator("#m-icl .panel[data-panel='attn1'], #m-icl .panel").first
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    assert box is not None
    held = "JSON.parse(document.getElementById('data').textContent)"
    frame = reader.page.evaluate(f"{held}.frame")
    x = box["x"] + frame["left"] + frame["width"] / 3
    reader.page.mouse.move(x, box["y"] + 60)
    reader.page.wait_for_function("document.body.style.getPropertyValue('--at') !== '1'")
    assert reader.line() == pytest.approx(1 / 3), "the second of four checkpoints"
    assert reader.text("#step-says") == "0.00 M tokens"
    marks = reader.page.evaluate(
        "[...document.querySelectorAll('.panel .at')].map((mark) => { const box = "
        "mark.getBoundingClientRect(), panel = mark.closest('.panel').getBoundingClientRect();"
        "return box.left - panel.left; })"
    )
    assert len(marks) > 10
    assert marks == pytest.approx([frame["left"] + frame["width"] / 3] * len(marks), abs=1)
    rows = list(csv.DictReader(reader.download("#m-icl .take button").splitlines()))
    (curve,) = (r for r in rows if r["cell"] == "attn1_s0" and r["tokens"] == "512")
    assert reader.text("#m-icl .panel .value") == f"{float(curve['icl_matched']):.2f}"
    assert not reader.complaints


def test_the_slider_of_steps_moves_every_readout(browser, strange):
    reader = Reader(browser, strange / "index.html")
    before = reader.text("#m-loss .panel .value")
    reader.page.locator("#step").focus()
    reader.page.keyboard.press("Home")
    assert reader.line() == 0 and reader.text("#m-loss .panel .value") != before
    dot = reader.page.locator("#m-pca .dot").first.bounding_box()
    reader.page.keyboard.press("ArrowRight")
    assert reader.line() == pytest.approx(1 / 3)
    assert reader.page.locator("#m-pca .dot").first.bounding_box() != dot
    assert not reader.complaints


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
    assert reader.text("#reading-says").startswith("L0H0")
    assert reader.page.locator("#attention svg").count() == 2
    reader.page.locator("#attention svg").first.hover(position={"x": 20, "y": 200})
    assert "attends to" in reader.text("#attention .says")
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_tokens_are_coloured_and_tell_their_loss(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    shades = reader.page.locator("#text span[class^='g']").count()
    assert shades > 50
    token = reader.page.locator("#text span[data-pos='100']")
    token.scroll_into_view_if_needed()
    change = float((token.get_attribute("title") or "").split()[0])
    token.click()
    says = reader.text("#token .says")
    assert "position 101" in says
    before, after = (
        float(part.split()[-1]) for part in says.replace(" nats", "").split(" at ")[:2]
    )
    assert after - before == pytest.approx(change, abs=0.011)
    rows = list(csv.DictReader(reader.download("#token .take button").splitlines()))
    assert any(float(row["loss"]) == pytest.approx(before, abs=0.0051) for row in rows)
    assert token.get_attribute("aria-current") == "true"
    reader.page.locator("#text").focus()
    reader.page.keyboard.press("ArrowRight")
    assert "position 102" in reader.text("#token .says"), "the passage is read by keys, too"
    # The same moment twice: nothing changes, nothing is coloured.
    reader.page.evaluate(
        "document.getElementById('after').value = document.getElementById('before').value;"
        "document.getElementById('after').dispatchEvent(new Event('input'))"
    )
    assert reader.page.locator("#text span[class^='g'], #text span[class^='l']").count() == 0
    assert not reader.complaints


CHARTS = ("#token", "#answer", "#phases", "#m-prefix_matching", "#m-pca", "#attention figure")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_offers_its_data_and_its_picture(browser, strange, name):
    reader = Reader(browser, strange / "index.html")
    data = reader.download(f"{name} .take button >> nth=0")
    assert len(list(csv.DictReader(data.splitlines()))) > 1
    picture = ElementTree.fromstring(reader.download(f"{name} .take button >> nth=1"))
    assert picture.tag.endswith("svg") and len(picture) > 0
    assert not reader.complaints


@pytest.mark.parametrize("page", ["index", "circuits"])
def test_there_is_no_chart_that_does_not(browser, strange, page):
    reader = Reader(browser, strange / f"{page}.html")

    def count(selector: str) -> int:
        return reader.page.locator(selector).count()

    assert (
        count(":not(.diagrams) > figure:has(svg), figure:has(img):not(.panel)")
        == count("figure .take")
        > 5
    )
    assert count(".models .take") == count(".models > section")
    assert not reader.complaints


def test_what_a_stranger_wrote_is_shown_and_does_nothing(browser, strange):
    reader = Reader(browser, strange / "index.html")
    seen = reader.page.locator("body").inner_text()
    assert ODD in seen
    shown = FILE.replace("\u202e", "⟨U+202E⟩").replace("\x1b", "␛")
    assert reader.text("#passage-from bdi") == shown
    tokens = reader.page.locator("#text span").all_inner_texts()
    assert set(tokens) == {SPELLED}
    for tag in ("b b", "#text b", "img[onerror]", "#text script", "i i"):
        assert reader.page.locator(tag).count() == 0
    reader.page.locator("#attention svg").first.hover(position={"x": 30, "y": 200})
    assert SPELLED.strip() in reader.text("#attention .says")
    assert not reader.complaints


def test_without_scripts_the_page_still_tells_everything(browser, strange):
    reader = Reader(browser, strange / "index.html", java_script_enabled=False)
    assert reader.page.locator("#glance tr").count() == 3
    assert reader.page.locator("#heads .of-cell table").count() == 2, "of both models"
    assert not reader.page.locator("#step").is_visible()
    assert reader.page.locator("#text span").count() == 64


def test_the_page_as_it_comes_has_the_colours_that_its_script_gives(browser, default_study):
    shades = "[...document.querySelectorAll('#text span')].map((token) => token.className)"
    plain, scripted = (
        Reader(browser, default_study / "index.html", java_script_enabled=on).page.evaluate(shades)
        for on in (False, True)
    )
    assert plain == scripted and len({*plain}) > 8


def test_in_the_dark_and_on_paper(browser, strange):
    reader = Reader(browser, strange / "index.html", color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    assert reader.page.evaluate(colour) == "rgb(23, 25, 28)"
    reader.page.emulate_media(media="print")
    assert reader.page.evaluate(colour) == "rgb(255, 255, 255)"
    assert not reader.page.locator("nav").is_visible()
    assert reader.page.locator("#m-icl img").first.is_visible()


MODELS = ("attn1", "attn2", "attn3", "smear1", "smear2")
STUDIES = {
    "no change": {"cells": ("attn1_s0", "attn2_s0"), "changing": ()},
    "one model": {"cells": ("attn2_s0",), "changing": ("attn2_s0",)},
    "one model that does not change": {"cells": ("attn1_s0",), "changing": ()},
    "20 cells": {
        "cells": tuple(f"{model}_s{seed}" for model in MODELS for seed in range(4)),
        "changing": tuple(f"attn2_s{seed}" for seed in range(3)),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("asked", STUDIES.values(), ids=STUDIES.keys())
def test_small_large_and_negative_studies_have_their_page(browser, tmp_path, asked):
    folder = render(tmp_path, **asked)
    for width in WIDTHS:
        reader = Reader(browser, folder / "index.html", width)
        assert not reader.complaints
        assert all(reader.page.locator(f"#{section}").is_visible() for section in SECTIONS)
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    said = reader.page.locator("ol.answer li").all_inner_texts()
    assert len(said) == 5
    if asked["changing"]:
        assert "within one window" in said[0] and "L1H0 of attn2_s0" in said[2]
    else:
        assert said[0].startswith("No model goes through a phase change.")
        assert "No head of these models ends as an induction head" in said[2]
    columns = reader.page.locator("#m-icl .panel").count()
    assert columns == len({name.partition("_")[0] for name in asked["cells"]})
    if len(asked["cells"]) == 20:
        assert "attn2 (3 of 4 seeds)" in said[0]
        assert reader.page.locator("#glance tbody tr").count() == 20

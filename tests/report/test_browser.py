"""The pages in a browser: what a reader sees and does."""

import csv
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
    assert (folder / f"{name}.html").stat().st_size < (4e6 if name == "index" else 10e6)


CHARTS = ("#token", "#answer", "#phases", "#m-prefix_matching", "#m-pca", "#attention figure")


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_offers_its_data_and_its_picture(browser, strange, name, width):
    reader = Reader(browser, strange / "index.html", width)
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
    assert count(".measure .take") == count(".measure")
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
    assert reader.page.locator("#heads .of-cell:visible td:visible.more").count() > 20, (
        "all columns"
    )
    for control in ("#step", "#all-columns", "#attention", "#picker"):
        assert not reader.page.locator(control).is_visible()
    assert reader.page.locator("#text span").count() == 64


def test_without_scripts_it_tells_all_of_three_models_and_names_the_others(browser, default_study):
    reader = Reader(browser, default_study / "index.html", java_script_enabled=False)
    for measure in reader.page.locator(".measure").all():
        assert measure.locator(".panel:visible").count() == 3
    for section in ("#heads", "#tokens"):
        assert reader.page.locator(f"{section} .of-cell table:visible").count() >= 3
        assert reader.page.locator(f"{section} .unscripted").is_visible()
    says = reader.text("#models .unscripted")
    assert "two-layer model with smeared keys" in says and "one-layer" not in says
    assert reader.page.locator("#every-cell tbody tr").count() == 4


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
        assert "within one window" in said[0] and "L1H0" in said[2]
    else:
        assert said[0].startswith("No model goes through a phase change:")
        assert "No head of these models ends as an induction head" in said[2]
    columns = reader.page.locator("#m-icl .panel").count()
    models = {name.partition("_")[0] for name in asked["cells"]}
    assert columns == min(3, len(models))
    if len(asked["cells"]) == 20:
        assert "in three of four seeds of two-layer attention-only models" in said[0]
        assert reader.page.locator("#glance tbody tr").count() == 5
        assert reader.page.locator("#glance-seeds tbody tr").count() == 20

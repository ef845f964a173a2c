"""Section Tokens in a browser: shades that follow the sliders, and the loss of each token."""

import csv

import pytest

from tests.browser import WIDTHS, Reader, beside_the_window
from tests.contrast import contrast

CHANGES = (
    "[...document.querySelectorAll('#text span[data-pos]')]"
    ".map((token) => [parseFloat(token.title.replace('−', '-')), token.className])"
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", WIDTHS)
def test_tokens_are_coloured_and_tell_their_loss(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    shades = reader.page.locator("#text span[class^='g']").count()
    assert shades > 50
    token = reader.page.locator("#text span[data-pos='100']")
    token.scroll_into_view_if_needed()
    change = float((token.get_attribute("title") or "").split()[0].replace("−", "-"))
    token.click()
    says = reader.text("#token .says")
    assert "position 101" in says
    before, after = (
        float(part.split()[-1]) for part in says.replace(" nats", "").split(" at ")[:2]
    )
    assert after - before == pytest.approx(change, abs=0.001)
    rows = list(csv.DictReader(reader.download("#token .take button").splitlines()))
    assert any(float(row["loss"]) == before for row in rows)
    assert token.get_attribute("aria-current") == "true"
    reader.page.locator("#text").focus()
    reader.page.keyboard.press("ArrowRight")
    assert "position 102" in reader.text("#token .says"), "the passage is read by keys, too"
    assert beside_the_window(reader, "#text, #token svg, #tokens .tokens-list td") == []
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_shades_are_those_of_the_two_sliders(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    window = reader.text("#compared")
    assert "the phase window" in window
    first = reader.page.evaluate(CHANGES)
    reader.page.locator("#before").focus()
    reader.page.keyboard.press("Home")
    moved = reader.page.evaluate(CHANGES)
    assert moved != first
    assert "from 0.00 M tokens" in reader.text("#compared") and "chosen" in reader.text("#compared")
    for change, shade in (*first, *moved):
        level = min(8, int(2 * abs(change) + 0.5)) if abs(change) >= 0.25 else 0
        assert shade == (f"{'g' if change < 0 else 'l'}{level}" if level else "")
    # What the passage says of a token is what its loss says at the two moments.
    reader.page.locator("#after").focus()
    reader.page.keyboard.press("End")
    reader.page.locator("#text span[data-pos='50']").click()
    rows = list(csv.DictReader(reader.download("#token .take button").splitlines()))
    change = float(rows[-1]["loss"]) - float(rows[0]["loss"])
    assert reader.page.evaluate(CHANGES)[50][0] == pytest.approx(change, abs=0.001)
    # The same moment twice: nothing changes, nothing is coloured.
    reader.page.locator("#after").focus()
    reader.page.keyboard.press("Home")
    assert {shade for _, shade in reader.page.evaluate(CHANGES)} == {""}
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_neither_moment_moves_or_passes_the_other(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    before, after = (reader.page.locator(f"#{name}") for name in ("before", "after"))
    first, last = before.input_value(), after.input_value()
    assert int(first) < int(last)
    before.focus()
    reader.page.keyboard.press("End")
    assert (before.input_value(), after.input_value()) == (last, last)
    before.fill(first)
    after.focus()
    reader.page.keyboard.press("Home")
    assert (before.input_value(), after.input_value()) == (first, first)
    assert reader.text("#after-says") == reader.text("#before-says")
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_another_passage_is_another_text(browser, default_study, width):
    reader = Reader(browser, default_study / "index.html", width)
    first, name = reader.text("#text"), reader.text("#passage-from")
    reader.page.locator("#passage").select_option("1")
    assert reader.text("#text") != first and reader.text("#passage-from") != name
    assert reader.page.locator("#text [aria-current]").count() == 1
    assert not reader.complaints


def test_lists_of_tokens_say_between_which_moments(browser, default_study):
    reader = Reader(browser, default_study / "index.html")
    cells = reader.page.locator("#tokens option").evaluate_all(
        "(options) => options.filter((each) => each.value.includes('_s')).map((each) => each.value)"
    )
    for cell in cells:
        reader.page.locator("#tokens select.cell").select_option(cell)
        before, after = reader.text("#before-says"), reader.text("#after-says")
        says = reader.text("#tokens .of-cell:visible p")
        numbers = " M to ".join(each.split()[0] for each in (before, after))
        assert says.startswith(f"From {numbers} M training tokens ("), cell
    assert len(cells) > 3


def test_the_page_as_it_comes_has_the_colours_that_its_script_gives(browser, default_study):
    shades = "[...document.querySelectorAll('#text span')].map((token) => token.className)"
    plain, scripted = (
        Reader(browser, default_study / "index.html", java_script_enabled=on).page.evaluate(shades)
        for on in (False, True)
    )
    assert plain == scripted and len({*plain}) > 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_shade(browser, default_study, scheme):
    reader = Reader(browser, default_study / "index.html", color_scheme=scheme)
    ink, paper, *shades = reader.page.evaluate(
        "(() => { const style = getComputedStyle(document.body), box = document.createElement('i');"
        "document.body.append(box); const shades = [];"
        "for (const kind of 'gl') for (let i = 1; i <= 8; i++) { box.className = kind + i;"
        "shades.push(getComputedStyle(box).backgroundColor); }"
        "return [style.color, style.backgroundColor, ...shades].map((text) =>"
        "text.match(/[\\d.]+/g).map(Number)); })()"
    )
    assert len(shades) == 16
    for red, green, blue, alpha in shades:
        over = [alpha * c + (1 - alpha) * p for c, p in zip((red, green, blue), paper, strict=True)]
        assert contrast(ink, over) >= 4.5

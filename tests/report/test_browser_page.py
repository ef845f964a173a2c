"""The page as a whole: nobody is kept out, whatever the window, the colours, or the hand."""

from itertools import product
from pathlib import Path
from statistics import median

import pytest

from tests.browser import WIDTHS, Reader

CHECKS = (Path(__file__).parent.parent / "accessible.js").read_text(encoding="utf-8")
MOST = 4_000_000  # bytes of the page
FIRST_PAINT = 1_000  # milliseconds
# Two ways of looking at it in every run of the tests, all of them in the slow ones.
LOOKS = [
    pytest.param(width, scheme, marks=[] if (width, scheme) == (390, "dark") else pytest.mark.slow)
    for width, scheme in product(WIDTHS, ("light", "dark"))
]
# Roles that stand for something to use; all need a name that can be read out.
USED = {"button", "link", "combobox", "slider", "checkbox", "radio", "textbox", "tab", "listbox"}


def opened(browser, folder: Path, width: int = 1280, **options) -> Reader:
    """The page with all that it makes when a reader comes near, and nothing folded up."""
    reader = Reader(browser, folder / "index.html", width, **options)
    reader.page.evaluate(
        "async () => { for (let y = 0; y < document.body.scrollHeight; y += 600) {"
        " scrollTo(0, y); await new Promise(requestAnimationFrame); } scrollTo(0, 0); }"
    )
    # Not as a script of the page, whose policy would refuse it.
    reader.page.evaluate(CHECKS)
    return reader


def ask(reader: Reader, check: str) -> list[str]:
    return reader.page.evaluate(f"accessible.{check}()")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_everything_can_be_read_and_nothing_sticks_out(browser, folder, width, scheme):
    reader = opened(browser, folder, width, color_scheme=scheme)
    assert not ask(reader, "wide")
    reader.page.evaluate("document.querySelectorAll('details').forEach((it) => it.open = true)")
    assert not ask(reader, "wide"), "with all that can be unfolded"
    assert not ask(reader, "pale"), "contrast of at least 4.5:1, and 3:1 of large text"
    assert not ask(reader, "structure")
    assert not reader.complaints


BAD = """<!doctype html><html class="ready">
<style>i { transition: color 1s; } a:focus { outline: none; }</style>
<h2>a</h2><h4>b</h4><img src="data:,"><b style="cursor: pointer">c</b><i>d</i><a href="#">e</a>
<p style="color: #777; background: #fff">4.48:1</p><p style="color: #767676">4.54:1</p>
<p style="color: #949494; font-size: 24px">3.03:1, large</p>
<div style="background: #000"><span style="color: #000; background: #fff8">f</span></div>
<svg><text y="9" style="fill: #ccc">g</text></svg>
<div style="overflow-x: auto"><u style="display: block; width: 2000px">h</u></div>
<s style="display: block; width: 1300px">i</s></html>"""


def test_the_checks_find_what_is_wrong(browser, tmp_path):
    (tmp_path / "index.html").write_text(BAD, encoding="utf-8")
    reader = opened(browser, tmp_path)

    def letters(check: str) -> set[str]:
        return {line.split("“")[-1].rstrip("”") for line in ask(reader, check)}

    assert letters("pale") == {"4.48:1", "g"}
    assert letters("wide") == {"i", "the page is 1308 wide"}
    assert letters("structure") == {"not one h1", "no lang", "b", ""}, "and a picture"
    assert (letters("mouse"), letters("moving")) == ({"c"}, {"d"})
    assert letters("controls") == {"e"}
    reader.page.keyboard.press("Tab")
    focus = reader.page.evaluate("accessible.focused()")
    assert (focus["control"], focus["ring"]) == ("0", False)


def names(reader: Reader) -> list[tuple[str, str]]:
    """Role and name of everything that a screen reader speaks of."""
    session = reader.page.context.new_cdp_session(reader.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_all_of_it_is_used_by_keys_alone_and_has_a_name(browser, folder, width):
    reader = opened(browser, folder, width)
    assert not ask(reader, "mouse"), "what can be clicked can be reached"
    spoken = names(reader)
    used = {role for role, _ in spoken} & USED
    assert {"button", "link", "combobox", "slider"} <= used
    assert not [role for role, name in spoken if role in USED | {"image"} and not name.strip()]
    controls, reached, invisible = ask(reader, "controls"), set(), set()
    for _ in range(2 * len(controls) + 50):
        reader.page.keyboard.press("Tab")
        focus = reader.page.evaluate("accessible.focused()")
        if focus is None:
            break
        reached.add(focus["control"])
        if not focus["ring"]:
            invisible.add(focus["name"])
    missed = [name for i, name in enumerate(controls) if str(i) not in reached]
    assert len(controls) > 20 and not missed
    assert not invisible, "who has the focus sees it"


@pytest.mark.slow
def test_nothing_moves_for_those_who_ask_for_that(browser, strange):
    reader = opened(browser, strange, reduced_motion="reduce")
    assert not ask(reader, "moving")


def test_the_page_is_small(folder):
    assert (folder / "index.html").stat().st_size <= MOST


@pytest.mark.slow
def test_the_first_paint_comes_within_a_second(browser, folder):
    paints = []
    for _ in range(3):
        reader = Reader(browser, folder / "index.html")
        reader.page.wait_for_function("performance.getEntriesByType('paint').length > 1")
        name = "first-contentful-paint"
        paints.append(reader.page.evaluate(f"performance.getEntriesByName('{name}')[0].startTime"))
    assert median(paints) <= FIRST_PAINT


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_section_that_is_read_is_marked_in_the_navigation(browser, folder, width):
    reader = opened(browser, folder, width)
    marked = reader.page.locator("nav [aria-current]")
    for name in ("Claims", "Use your own", "Answer"):
        reader.page.locator("nav a", has_text=name).evaluate(
            "(link) => document.querySelector(link.hash).scrollIntoView()"
        )
        reader.page.locator("nav [aria-current]", has_text=name).wait_for()
        box = marked.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width, "its name is in sight"
    assert marked.count() == 1
    reader.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    reader.page.locator("nav [aria-current][href='#cite']").wait_for()
    assert not reader.complaints

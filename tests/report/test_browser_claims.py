"""The claims in a browser: rows, drawings, links, filters, at both widths, in light and dark."""

from pathlib import Path

import pytest

from induction.report import summary
from induction.report.rendering import asset, render, style
from induction.report.rows import Rows
from induction.report.scoreboard import scoreboard
from tests.browser import WIDTHS, Reader
from tests.judged import NOTHING, cell, part, row

pytestmark = pytest.mark.slow

FAILS = {"value": 0.44, "low": 0.35, "high": 0.54, "verdict": "contradicted"}
DECIDES = (
    "Values of about 9 seeds instead of 3 would decide it, if mean and spread stay as they are."
)
LONG = "It is so, whatever a long sentence of many words may say against it, again and again."
ROWS = [
    row("holds", text=LONG),
    row("window_is_narrow", side="at most", bound=0.3, **FAILS),
    row("open", section="Argument 2", verdict="inconclusive", low=0.4, decides=DECIDES),
    row(
        "moves", section="Argument 2", unit="tokens", side="at most", bound=0.0,
        value=-1.16e6, low=-1.21e6, high=-1.12e6,
    ),
    row("far", section="Argument 3", verdict="not tested here", reason="too large", **NOTHING),
    row("control_holds", kind="control", section="", low=None, high=None),
    row("control_fails", kind="control", section="", **FAILS),
]  # fmt: skip
FAMILIES = [
    part("holds", "attention_only", value=0.9, low=0.8, high=0.95),
    part("holds", "mlp", value=0.3, low=0.2, high=0.4, verdict="contradicted", seeds=2),
]
UNSEEN_OF_CONTROLS = ("inconclusive", "not tested here")
CELLS = [
    cell("holds", "attn2_s0"),
    cell("holds", "attn2_s1", value=None, low=None, high=None, reason="no head"),
]


PAGE = """<!doctype html><html lang="en" class="scripted ready"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>claims</title>
<style>{style}</style><body><main>{section}</main><script>{{ {script} }}</script></body></html>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The section alone, with the style and the script of the page, of claims and controls of every
    verdict."""
    return written(tmp_path_factory.mktemp("claims"), ROWS, FAMILIES, CELLS)


def written(folder: Path, rows: Rows, families: Rows, cells: Rows) -> Path:
    filled = {
        "scoreboard": scoreboard(rows, families, cells, [], {}, False),
        "verdicts": summary.verdicts(rows),
        "params": {"claims.resolvable": "2"},
        "grid": "",
    }
    text = PAGE.format(
        style=style(),
        section=render("report/claims.html", filled),
        script=asset("common.js") + asset("claims.js"),
    )
    path = folder / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


def visible(reader: Reader) -> list[str]:
    names = (each["claim"] for each in ROWS)
    return [name for name in names if reader.page.locator(f"#claim-{name}").is_visible()]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_says_its_verdict_its_reason_and_what_would_decide_it(browser, page, width):
    reader = Reader(browser, page, width)
    assert reader.text("#claim-holds summary .verdict") == "supported"
    mark = "getComputedStyle(document.querySelector('#claim-{} .verdict'), '::before').content"
    marks = [reader.page.evaluate(mark.format(each["claim"])) for each in ROWS[:5]]
    assert marks == ['"✓"', '"✗"', '"?"', '"✓"', '"–"'], "a shape, not a colour alone"
    narrow = reader.text("#claim-window_is_narrow summary").replace("\u00a0", " ")
    assert "It takes 44 % [35, 54] of all; the rule asks for at most 30 %." in narrow
    assert "The paper trains on 10 billion tokens" in narrow
    assert DECIDES in reader.text("#claim-open summary")
    assert DECIDES not in reader.text("#claim-holds summary")
    assert "Too large." in reader.text("#claim-far summary")
    assert reader.page.locator("#claim-far svg").count() == 0
    assert "60 % [50, 70]\nholds: at least 50 %" in reader.text("#claim-holds .measured")
    parts = reader.page.locator("#claim-holds .part").all_inner_texts()
    assert [each.endswith("2 of 3 seeds") for each in parts] == [False, True]
    headings = reader.page.locator("#claims .group h3").all_inner_texts()
    assert [heading[:10] for heading in headings] == ["Argument 1", "Argument 2", "Argument 3"]
    assert not reader.complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_off_screen_and_the_strip_is_beside_or_below(browser, page, width):
    reader = Reader(browser, page, width)
    reader.page.evaluate("for (const row of document.querySelectorAll('details')) row.open = true")
    boxes = reader.page.evaluate(
        "[...document.querySelectorAll('#claims *')].filter((each) => !each.closest('.table'))"
        ".map((each) => each.getBoundingClientRect()).map((box) => [box.left, box.right])"
    )
    assert len(boxes) > 100
    assert min(left for left, _ in boxes) >= 0 and max(right for _, right in boxes) <= width
    says, drawn = (
        reader.page.locator(f"#claim-holds summary {part}").bounding_box()
        for part in (".says", ".measured")
    )
    assert says and drawn
    if width == WIDTHS[0]:
        assert drawn["x"] >= says["x"] + says["width"]
    else:
        assert drawn["y"] >= says["y"] + says["height"]


STRIP = """(svg) => {
  const number = (part, key) => Number(svg.querySelector(part).getAttribute(key));
  const [first, last] = [Number(svg.dataset.first), Number(svg.dataset.last)];
  const [left, right] = [number('.axis', 'x1'), number('.axis', 'x2')];
  const at = (x) => first + (x - left) / (right - left) * (last - first);
  const interval = svg.querySelector('.interval');
  return {
    value: at(number('.value', 'cx')), width: svg.getBoundingClientRect().width,
    bound: at(Number(svg.querySelector('.bound').getAttribute('d').match(/^M([\\d.]+)/)[1])),
    interval: interval && [at(number('.interval', 'x1')), at(number('.interval', 'x2'))],
    holds: [number('.holds', 'x'), number('.holds', 'x') + number('.holds', 'width')].map(at),
    pixel: (last - first) / (right - left),
  };
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_strips_show_their_numbers_to_scale(browser, page, width):
    reader = Reader(browser, page, width)
    drawn = {
        each["claim"]: reader.page.locator(f"#claim-{each['claim']} svg").first.evaluate(STRIP)
        for each in ROWS
        if each["value"] is not None
    }
    assert len(drawn) == 6
    for each in ROWS:
        if each["value"] is None:
            continue
        seen = drawn[each["claim"]]
        near = {"abs": 0.1 * seen["pixel"]}
        assert seen["value"] == pytest.approx(each["value"], **near)
        assert seen["bound"] == pytest.approx(each["bound"], **near)
        if each["low"] is None:
            assert seen["interval"] is None
        else:
            assert seen["interval"] == pytest.approx([each["low"], each["high"]], **near)
        low, high = seen["holds"]
        inside = each["bound"] + seen["pixel"] * (3 if each["side"] == "at least" else -3)
        outside = each["bound"] - seen["pixel"] * (3 if each["side"] == "at least" else -3)
        assert low <= inside <= high and not low <= outside <= high
        assert seen["width"] == 200, "not squeezed"


def test_models_with_and_without_mlps_are_drawn_apart_on_one_scale(browser, page):
    reader = Reader(browser, page)
    drawn = [each.evaluate(STRIP) for each in reader.page.locator("#claim-holds svg").all()]
    assert [round(each["value"], 2) for each in drawn] == [0.6, 0.9, 0.3]
    assert reader.page.locator("#claim-holds .part").all_inner_texts() == [
        "attention-only models: supported",
        "models with MLPs: contradicted 2 of 3 seeds",
    ]


def test_what_failed_stands_first_claims_and_controls(browser, page):
    reader = Reader(browser, page)
    section = reader.text("#claims")
    links = reader.page.locator("#claims .failed a").all_inner_texts()
    assert links == ["It is window_is_narrow.", "It is control_fails."]
    order = ["What failed", "What is inconclusive: 1", "Argument 1", "Argument 2", "Controls"]
    places = [section.index(each) for each in order]
    assert places == sorted(places)
    tally = [each.split() for each in reader.page.locator(".tally tbody tr").all_inner_texts()]
    assert [(row[0], row[-2:]) for row in tally] == [
        ("supported", ["2", "1"]),
        ("contradicted", ["1", "1"]),
        ("inconclusive", ["1", "0"]),
        ("not", ["1", "0"]),
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_link_opens_its_row_also_one_that_is_filtered_out(browser, page, width):
    reader = Reader(browser, page, width)
    claim = reader.page.locator("#claim-control_fails")
    reader.page.locator("#verdict").select_option("supported")
    assert not claim.is_visible()
    for _ in range(2):
        reader.page.locator("#claims .failed a", has_text="control_fails").click()
        reader.page.wait_for_function("document.querySelector('#claim-control_fails').open")
        top = claim.bounding_box()
        assert top is not None and 0 <= top["y"] < 900, "scrolled to"
        claim.locator("summary").click()
        assert not claim.evaluate("(row) => row.open")
    assert len(visible(reader)) == len(ROWS)
    assert not reader.complaints


@pytest.mark.parametrize("name", ["control_fails", "holds"])
def test_a_page_that_is_opened_at_a_row_has_it_open(browser, page, name):
    opened_at(browser, page, f"claim-{name}")


def test_so_has_the_page_of_a_study(browser, strange):
    reader = opened_at(browser, strange / "index.html", "claim-a")
    assert "no head" in reader.text("#claim-a .more")
    reader.page.locator("#verdict").select_option("contradicted")
    assert not reader.page.locator("#claim-a").is_visible(), "it is supported"


def opened_at(browser, page: Path, name: str) -> Reader:
    reader = Reader(browser, page)
    for hashed in ("%E0%A4%A", name):
        reader.page.goto("about:blank")
        reader.page.goto(f"{reader.uri}#{hashed}")
    assert reader.page.locator(f"#{name} .more").is_visible()
    reader.page.wait_for_function(
        "(name) => { const { top } = document.getElementById(name).getBoundingClientRect();"
        " return top >= 0 && top < innerHeight; }",
        arg=name,
    )
    assert [each for each in reader.complaints if not each.startswith(("about:", "file:"))] == []
    return reader


def test_filters_hide_rows_and_groups_that_are_empty(browser, page):
    reader = Reader(browser, page)
    assert len(visible(reader)) == len(ROWS)
    for verdict in ("supported", "contradicted", "inconclusive", "not tested here"):
        reader.page.locator("#verdict").select_option(verdict)
        wanted = [each for each in ROWS if each["verdict"] == verdict]
        assert visible(reader) == [each["claim"] for each in wanted]
        groups = reader.page.locator("#claims .group:visible").count()
        assert groups == len({each["section"] for each in wanted} | {""}), "controls always stand"
        says = reader.text("#of-controls")
        assert ("No control has this verdict." in says) == (verdict in UNSEEN_OF_CONTROLS)
        assert not reader.page.locator("#no-claim").is_visible()
    reader.page.locator("#verdict").select_option("")
    assert reader.page.locator("#claims .group:visible").count() == 4


UNDECIDED = [
    row("with_it", verdict="inconclusive", seeds=1, reason="1 of 3 seeds"),
    row("against_it", **FAILS | {"verdict": "inconclusive", "high": 0.45}, seeds=1),
    row("on_both", **FAILS | {"verdict": "inconclusive"}, seeds=1),
    row("control_with_it", kind="control", section="", verdict="inconclusive", seeds=1),
]


def test_where_nothing_can_be_decided_it_says_so_and_where_the_values_lie(browser, tmp_path):
    reader = Reader(browser, written(tmp_path, UNDECIDED, [], []))
    section = reader.text("#claims")
    assert "With one seed nothing is decided" in section and "is contradicted." not in section
    seen = reader.page.locator("#claims .leaning a:visible").all_inner_texts()
    assert seen == ["It is against_it.", "It is on_both."]
    reader.page.locator("#claims .undecided summary").click()
    seen = reader.page.locator("#claims .undecided a:visible").all_inner_texts()
    assert seen == ["It is with_it.", "It is control_with_it."]
    reader.page.locator("#claim-with_it summary").click()
    more = reader.text("#claim-with_it .more")
    assert "with 3 seeds or more." in more
    assert "1 seed has" not in more and "1 of 3 seeds" not in more
    reader.page.locator("#verdict").select_option("contradicted")
    assert reader.page.locator("#no-claim").is_visible()
    assert reader.page.locator("#no-control").is_visible()
    reader.page.locator("#verdict").select_option("")
    assert not reader.page.locator("#no-claim, #no-control").first.is_visible()


def test_claims_open_on_their_evidence(browser, page):
    reader = Reader(browser, page)
    claim = reader.page.locator("#claim-holds")
    assert not claim.locator("table").is_visible()
    claim.locator("summary").click()
    assert claim.locator("table").is_visible()
    more = reader.text("#claim-holds .more")
    assert "attn2_s0" in more and "attn2_s1" in more and "no head" in more
    assert "the seeds alone is [52, 68], that of the evaluation set alone [55, 65]." in more


CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const under = (each) => {
    for (let node = each; node; node = node.parentElement) {
      const colour = channels(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
  };
  const light = (colour) => colour.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => {
    const [more, less] = [light(a), light(b)].sort((x, y) => y - x);
    return (more + 0.05) / (less + 0.05);
  };
  const mixed = (over, below, share) =>
    over.slice(0, 3).map((c, i) => share * c + (1 - share) * below[i]);
  const says = (each) => [...each.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const result = [];
  const add = (each, what, colour, behind, least) =>
    result.push([`${each.tagName} ${each.className.baseVal ?? each.className} ${what}`,
                 ratio(channels(colour), behind), least]);
  for (const each of document.querySelectorAll('#claims *')) {
    const style = getComputedStyle(each), svg = each.closest('svg');
    if (svg && each !== svg) {
      const paper = under(svg), holds = getComputedStyle(svg.querySelector('.holds'));
      const shade = mixed(channels(holds.fill), paper, Number(holds.fillOpacity));
      if (each.tagName === 'text') add(each, 'text', style.fill, paper, 4.5);
      else if (each.matches('.value')) add(each, 'fill', style.fill, shade, 3);
      else if (each.matches('.bound, .interval')) add(each, 'stroke', style.stroke, shade, 3);
    } else if (!svg && each.tagName !== 'OPTION' && says(each)) {
      add(each, 'text', style.color, under(each), 4.5);
      const before = getComputedStyle(each, '::before');
      if (before.content !== 'none') add(each, 'mark', before.color, under(each), 4.5);
    }
  }
  return result;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_drawings_stand_out_enough_to_be_read(browser, page, scheme):
    """WCAG 2.2 AA: 4.5 for text, 3 for what of a drawing says something. Options of a list are
    drawn by the browser."""
    reader = Reader(browser, page, color_scheme=scheme)
    contrasts = reader.page.evaluate(CONTRASTS)
    assert len(contrasts) > 80
    assert [each for each in contrasts if each[1] < each[2]] == []


def test_without_scripts_the_page_has_rows_and_drawings(browser, strange):
    reader = Reader(browser, strange / "index.html", java_script_enabled=False)
    assert reader.page.locator("#claim-a svg").first.is_visible()
    assert reader.page.locator("#claim-b").is_visible()
    assert not reader.page.locator("#verdict").is_visible()

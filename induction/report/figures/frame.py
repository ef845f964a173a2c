"""What every figure shares: colours, panels side by side, tokens along x, phase windows shaded.

A drawing is an SVG string, or panels, which become one SVG.
"""

import json
import re
import textwrap
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass

import altair as alt
import vl_convert

from induction.report.rows import Rows

Panel = alt.Chart | alt.LayerChart
Domain = list[float | int]

# A model, a seed and a layer never share a colour; COLOURS are for all other kinds. Each has a
# contrast of 3:1 on the light and on the dark page, and those of one list stay apart for
# colour-blind readers (tests/report/test_colours.py). Past its end, a list begins again, dashed.
MODEL_COLOURS = [
    "#0072B2", "#D55E00", "#009E73", "#B070F0", "#806050", "#F06078", "#7090B0", "#A05080"
]  # fmt: skip
SEED_COLOURS = ["#7858C0", "#A89008", "#D06898", "#1098F8", "#A05010"]
LAYER_COLOURS = ["#6878F8", "#78A018", "#C05090", "#886018"]
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#C0659A", "#B07A00", "#3C93C8"]
LEGENDS = {"color", "shape", "strokeDash", "strokeWidth"}
DASHES = [[1, 0], [5, 2], [2, 2], [6, 2, 2, 2]]
WINDOW = "#f0e442"  # as the renderer writes it
# Of the text around it: dark on light, or light on dark.
INK, GREY = "currentColor", "#8A8A8A"
# Figures are laid out in a font that the renderer brings along: the fonts of the machine decide
# about no byte. They are shown in it, or in one whose letters are as wide.
MEASURED, SHOWN = "Liberation Sans", "Arial, Helvetica, Liberation Sans, sans-serif"
COLUMNS = 5
WIDTH, HEIGHT = 190, 150
TITLE = 34  # letters of a line of a panel's title, which may have several
MILLION = 1e6

TOKENS = alt.X("tokens:Q", title="training tokens (millions)", scale=alt.Scale(nice=False))


# A figure in a file of its own is dark on light, or light on dark if the reader prefers that.
# Crisp edges close the hairlines between the rectangles of a map, and the rim of a name keeps the
# line that it stands on from striking it through.
STYLE = (
    "<style>:root{color:#222;background:#fff}.mark-rect{shape-rendering:crispEdges}"
    ".role-mark text{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}"
    "@media screen and (prefers-color-scheme:dark){:root{color:#ddd;background:#17191c}"
    ".role-mark text{stroke:#17191c}"
    # Yellow that is pale on white would outshine the lines on black.
    f'[fill="{WINDOW}"]{{fill-opacity:.4}}[stroke="{WINDOW}"]{{stroke-opacity:.5}}}}</style>'
)

# Coordinates in hundredths of a pixel look the same, in half of the bytes.
GEOMETRY = re.compile(r' (?:d|transform)="[^"]*"')
# What the renderer writes for assistive technology and for pointers, of which an image has none;
# what it would draw anyway; and elements that draw nothing.
IDLE = re.compile(
    r' (?:aria-hidden|aria-label|role|aria-roledescription|pointer-events)="[^"]*"| opacity="1"'
    r"|<path class=\"foreground\"[^>]*/>|<path class=\"background\"[^>]* d=\"M0,0h0v0h0Z\"[^>]*/>"
)
FRACTION = re.compile(r"-?\d+\.\d{3,}")
COLOUR = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")


def to_svg(chart: alt.TopLevelMixin) -> str:
    return render(themed(chart))


def themed(chart: alt.TopLevelMixin) -> dict:
    """The Vega-Lite specification of a chart, in the look of all figures."""
    spec = (
        chart.configure(
            background="transparent",
            # A label takes more room in a font that is wider than the one it was measured in.
            padding={"left": 28, "right": 36, "top": 5, "bottom": 5},
            font=MEASURED,
        )
        .configure_view(stroke=GREY)
        .configure_axis(
            grid=False,
            labelFontSize=10,
            titleFontSize=10,
            titleFontWeight="normal",
            labelColor=INK,
            titleColor=INK,
            domainColor=GREY,
            tickColor=GREY,
        )
        .configure_legend(labelColor=INK, titleColor=INK)
        .configure_title(color=INK, fontSize=11)
        .configure_text(color=INK)
        .to_dict()
    )
    # A label for assistive technology on each of thousands of rectangles helps nobody, and is
    # most of the file; the caption says what a figure shows.
    spec["config"]["aria"] = False
    return spec


def render(spec: dict) -> str:
    """A Vega-Lite specification as SVG; the same specification gives the same bytes."""
    text = vl_convert.vegalite_to_svg(spec, vl_version=alt.SCHEMA_VERSION[1:4])
    text = IDLE.sub("", text)
    # Said once for all texts.
    text = text.replace(f' font-family="{MEASURED}"', "")
    text = text.replace("<svg", f'<svg font-family="{SHOWN}"', 1)
    # The renderer numbers gradients through all figures of a process: number them from 0 here.
    order = list(dict.fromkeys(re.findall(r"gradient_\d+", text)))
    text = re.sub(r"gradient_\d+", lambda match: f"gradient_{order.index(match[0])}", text)
    text = GEOMETRY.sub(lambda match: FRACTION.sub(_hundredths, match[0]), text)
    text = COLOUR.sub(_hexadecimal, text)
    return text.replace(">", f">{STYLE}", 1)


def hide_legends(spec: dict) -> None:
    """Of a specification and of all its layers."""
    for layer in spec.get("layer", []):
        hide_legends(layer)
    encoding = spec.get("encoding", {})
    for name in LEGENDS & {*encoding}:
        encoding[name]["legend"] = None


def _hexadecimal(match: re.Match) -> str:
    return "#{:02x}{:02x}{:02x}".format(*map(int, match.groups()))


def _hundredths(match: re.Match) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def layers(*charts: Panel) -> alt.LayerChart:
    """Charts on top of each other."""
    layered = alt.layer(*charts)
    assert isinstance(layered, alt.LayerChart), "charts here have no facets"
    return layered


def in_millions(rows: Rows) -> alt.Data:
    """Rows as the data of a chart, every token count in millions."""
    keys = ("tokens", "end_tokens")
    return inline(
        [
            {k: v / MILLION if k in keys and v is not None else v for k, v in row.items()}
            for row in rows
        ]
    )


def inline(rows: Rows) -> alt.Data:
    """Rows as the data of a chart, in one string of JSON.

    As objects, all would be copied whenever a chart is composed, which takes longer than drawing.
    """
    text = json.dumps(rows, allow_nan=False)
    return alt.Data(values=text, format=alt.DataFormat(type="json"))


def known(rows: Rows, *fields: str) -> Rows:
    """The rows that have a number in each of these fields."""
    return [row for row in rows if all(row[field] is not None for field in fields)]


def extent(rows: Rows, *fields: str) -> Domain:
    values = [row[field] for row in rows for field in fields if row[field] is not None]
    return [min(values), max(values)]


def padded_extent(rows: Rows, *fields: str) -> Domain:
    """The extent and a little more, so that nothing lies on the frame."""
    low, high = extent(rows, *fields)
    pad = 0.05 * (high - low)
    return [low - pad, high + pad]


def domains(
    rows: Rows, key: str, windows: Rows, *fields: str, domain: Callable[..., Domain] = padded_extent
) -> dict[str, Domain]:
    """The domain of y in every panel: the same for all models of language, to compare them.

    Models of periodic text have scales of their own: their values would flatten all other lines.
    """
    names = list(dict.fromkeys(row[key] for row in rows))
    periodic = {row[key] for row in windows if row["is_periodic"]}
    language = [row for row in rows if row[key] not in periodic]
    return {
        name: domain(of(rows, key, name) if name in periodic else language, *fields)
        for name in names
    }


def colour_of(colours: list[str], place: int) -> str:
    return colours[place % len(colours)]


def dash_of(colours: list[str], place: int) -> list[int]:
    """Solid in the first round of colours."""
    return DASHES[min(place // len(colours), len(DASHES) - 1)]


def deepening(*colours: str, most: float = 1) -> alt.Scale:
    """Of a map whose zero is the page, light or dark: from nothing to a colour at `most`; with
    two colours, from the first at -`most` over nothing to the second."""
    stops = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]
    full, none = ([f"rgba({r},{g},{b},{alpha})" for r, g, b in stops] for alpha in (1, 0))
    if len(colours) == 1:
        return alt.Scale(domain=[0, most], range=[*none, *full])
    return alt.Scale(domain=[-most, 0, 0, most], range=[full[0], *none, full[1]])


def palette(
    field: str, values: list, title: str, legend: bool = True, colours: list[str] = COLOURS
) -> alt.Color:
    """One colour per value, the same in every panel."""
    # The legend of translucent marks would be translucent, too.
    shown = alt.Legend(symbolOpacity=1) if legend else None
    scale = alt.Scale(domain=values, range=[colour_of(colours, i) for i, _ in enumerate(values)])
    return alt.Color(f"{field}:N", title=title, scale=scale, legend=shown)


def dashed(field: str, values: list, colours: list[str]) -> alt.typing.Optional[alt.StrokeDash]:
    """The channel that keeps lines apart which share a colour, if there are any."""
    if len(values) <= len(colours):
        return alt.Undefined
    scale = alt.Scale(domain=values, range=[dash_of(colours, i) for i, _ in enumerate(values)])
    return alt.StrokeDash(f"{field}:N", scale=scale, legend=None)


def seeds_of(rows: Rows) -> list[int]:
    return sorted({row["seed"] for row in rows})


def seed_palette(rows: Rows) -> alt.Color:
    """A colour per seed, with a legend if there are several."""
    seeds = seeds_of(rows)
    return palette("seed", seeds, "seed", legend=len(seeds) > 1, colours=SEED_COLOURS)


def phase_windows(windows: Rows, opacity: float = 0.35) -> alt.Chart:
    """A band from start to end of each window that is a phase change."""
    rows = [
        {"start": row["start_tokens"] / MILLION, "end": row["end_tokens"] / MILLION}
        for row in windows
        if row["is_phase_change"]
    ]
    band = alt.Chart(inline(rows)).mark_rect(color=WINDOW, opacity=opacity)
    return band.encode(x=alt.X("start:Q"), x2="end:Q")


def of(rows: Rows, key: str, value: str) -> Rows:
    return [row for row in rows if row[key] == value]


@dataclass(frozen=True)
class Panels:
    """One panel per value of `key`, in the order of the rows.

    `svg` has them side by side in one picture, `pieces` each in its own, which a page lays out as
    it has room.
    """

    rows: Rows
    key: str
    panel: Callable[[str, Rows], Panel]
    height: int | alt.Step = HEIGHT
    columns: int = COLUMNS
    width: int = WIDTH

    def __str__(self) -> str:
        return self.svg({})

    def svg(self, names: Mapping[str, str]) -> str:
        """`names` has what a panel is called, if not as its rows have it."""
        charts = self._titled(names)
        return to_svg(alt.concat(*charts, columns=self.columns).resolve_scale(color="shared"))

    def pieces(self, names: Mapping[str, str], shown: Container[str]) -> dict[str, str]:
        """Each by its name; the last of those that are `shown` has the legend."""
        specs = {
            name: themed(chart)
            for (name, _), chart in zip(self.charts(), self._titled(names), strict=True)
        }
        *_, last = [name for name in specs if name in shown] or specs
        for name, spec in specs.items():
            if name != last:
                hide_legends(spec)
        return {name: render(spec) for name, spec in specs.items()}

    def _titled(self, names: Mapping[str, str]) -> list[Panel]:
        return [
            chart.properties(
                title=textwrap.wrap(names.get(name, name), TITLE * self.width // WIDTH),
                width=self.width,
                height=self.height,
            )
            for name, chart in self.charts()
        ]

    def charts(self) -> Iterator[tuple[str, Panel]]:
        for name in dict.fromkeys(row[self.key] for row in self.rows):
            yield name, self.panel(name, of(self.rows, self.key, name))


Drawing = Panels | str

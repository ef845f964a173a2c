"""What every figure shares: colours, panels side by side, tokens along x, the window shaded.

Figures take rows (dictionaries, as the SQL files return them) and give an SVG string, or panels,
which are one when asked. Colours are those of Okabe and Ito, which colour-blind readers can tell
apart.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import altair as alt
import vl_convert

Rows = list[dict]
Panel = alt.Chart | alt.LayerChart
Reach = Callable[..., list[float]]

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
WINDOW = "#F0E442"
# Of the text around it: dark on light, or light on dark.
INK, GREY = "currentColor", "#999999"
COLUMNS = 5
WIDTH, HEIGHT = 190, 150
MILLION = 1e6

TOKENS = alt.X("tokens:Q", title="training tokens (millions)", scale=alt.Scale(nice=False))


# As a picture of its own, a figure is on paper, or in the dark if that is what the reader asks for.
# Crisp edges close the hairlines between the rectangles of a map.
STYLE = (
    "<style>:root{color:#222;background:#fff}.mark-rect{shape-rendering:crispEdges}"
    "@media screen and (prefers-color-scheme:dark){:root{color:#ddd;background:#17191c}}</style>"
)


# A hundredth of a pixel is enough, and half of the file.
GEOMETRY = re.compile(r' (?:d|transform)="[^"]*"')
FRACTION = re.compile(r"-?\d+\.\d{3,}")
COLOUR = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")


def svg(chart: alt.TopLevelMixin) -> str:
    return rendered(themed(chart))


def themed(chart: alt.TopLevelMixin) -> dict:
    """Its specification, in the look of all figures."""
    spec = (
        chart.configure(
            background="transparent",
            # Wider fonts than the one that measured a label need room beyond it.
            padding={"left": 28, "right": 36, "top": 5, "bottom": 5},
            font="Arial, Helvetica, Liberation Sans, sans-serif",
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
        .configure_title(color=INK)
        .configure_text(color=INK)
    )
    # A label for assistive technology on each of thousands of rectangles helps nobody, and is
    # most of the file; the caption says what a figure shows.
    spec.config.aria = False
    return spec.to_dict()


def rendered(spec: dict) -> str:
    """A specification of Vega-Lite as SVG: the same bytes every time."""
    text = vl_convert.vegalite_to_svg(spec, vl_version=alt.SCHEMA_VERSION[1:4])
    # The renderer numbers gradients through all figures of a process: here, each from 0.
    order = list(dict.fromkeys(re.findall(r"gradient_\d+", text)))
    text = re.sub(r"gradient_\d+", lambda found: f"gradient_{order.index(found[0])}", text)
    text = GEOMETRY.sub(lambda found: FRACTION.sub(_hundredths, found[0]), text)
    text = COLOUR.sub(_hexadecimal, text)
    return text.replace(">", f">{STYLE}", 1)


def _hexadecimal(found: re.Match) -> str:
    return "#{:02x}{:02x}{:02x}".format(*map(int, found.groups()))


def _hundredths(found: re.Match) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def data(rows: Rows) -> alt.Data:
    """Rows with every token count in millions."""
    keys = ("tokens", "end_tokens")
    return inline(
        [
            {k: v / MILLION if k in keys and v is not None else v for k, v in row.items()}
            for row in rows
        ]
    )


def inline(rows: Rows) -> alt.Data:
    """Rows as one string of JSON: as objects, each would be copied whenever a chart is composed,
    which takes longer than to draw it."""
    text = json.dumps(rows, allow_nan=False)
    return alt.Data(values=text, format=alt.DataFormat(type="json"))


def known(rows: Rows, *fields: str) -> Rows:
    """The rows that have a number in each of these fields."""
    return [row for row in rows if all(row[field] is not None for field in fields)]


def extent(rows: Rows, *fields: str) -> list[float | int]:
    values = [row[field] for row in rows for field in fields if row[field] is not None]
    return [min(values), max(values)]


def spread(rows: Rows, *fields: str) -> list[float]:
    """The extent and a little more, so that nothing lies on the frame."""
    low, high = extent(rows, *fields)
    pad = 0.05 * (high - low)
    return [low - pad, high + pad]


def domains(
    rows: Rows, key: str, windows: Rows, *fields: str, reach: Reach = spread
) -> dict[str, list[float]]:
    """The domain of y in every panel: one for all models of language, so that they compare.

    What models of periodic text reach would flatten the rest: they have scales of their own.
    """
    names = list(dict.fromkeys(row[key] for row in rows))
    apart = {row[key] for row in windows if row["is_periodic"]}
    language = [row for row in rows if row[key] not in apart]
    return {
        name: reach(of(rows, key, name) if name in apart else language, *fields) for name in names
    }


def palette(field: str, values: list, title: str, legend: bool = True) -> alt.Color:
    """One colour per value, the same in every panel."""
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(values))]
    # Of translucent marks, the legend would be, too.
    shown = alt.Legend(symbolOpacity=1) if legend else None
    scale = alt.Scale(domain=values, range=colours)
    return alt.Color(f"{field}:N", title=title, scale=scale, legend=shown)


def window(windows: Rows, opacity: float = 0.35) -> alt.Chart:
    """A band from start to end of each phase window that is a phase change."""
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
    """One panel per value of `key`, in the order in which the rows have them: side by side as a
    figure, `str(panels)`, or each alone."""

    rows: Rows
    key: str
    panel: Callable[[str, Rows], Panel]
    height: int | alt.Step = HEIGHT
    columns: int = COLUMNS

    def __str__(self) -> str:
        charts = [
            chart.properties(title=name, width=WIDTH, height=self.height)
            for name, chart in self.charts()
        ]
        return svg(alt.concat(*charts, columns=self.columns).resolve_scale(color="shared"))

    def charts(self) -> Iterator[tuple[str, Panel]]:
        for name in dict.fromkeys(row[self.key] for row in self.rows):
            yield name, self.panel(name, of(self.rows, self.key, name))


Drawn = Panels | str

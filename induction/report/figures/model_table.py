"""The paper's model analysis table (Model Analysis Table): models as columns, figures as rows.

Every panel is a picture of its own, and all have one frame: a training step lies at the same place
in each, so that a page may draw one line through all of them.
"""

from induction.report.figures.frame import MILLION, Panels, hide_legends, render, themed

# Pixels of a panel, and around it for its axes.
FRAME = {"left": 42, "right": 8, "top": 6, "bottom": 32, "width": 230, "height": 120}
SIZE = (
    FRAME["left"] + FRAME["width"] + FRAME["right"],
    FRAME["top"] + FRAME["height"] + FRAME["bottom"],
)
FONTS = {"labelFontSize": 9, "titleFontSize": 9}


def pictures(panels: Panels, end: int) -> dict[str, str]:
    """Each panel as SVG in FRAME, by its name; all axes of training end at `end` tokens."""
    return {name: render(_framed(themed(chart), end)) for name, chart in panels.charts()}


def frame_style() -> str:
    """Where the axes lie in a picture of any size: the page draws a line through all of them."""
    width, height = SIZE
    shares = {
        "left": FRAME["left"] / width, "across": FRAME["width"] / width,
        "top": FRAME["top"] / height, "down": FRAME["height"] / height,
    }  # fmt: skip
    sizes = "".join(f"--{name}:{100 * share:.3f}%;" for name, share in shares.items())
    return f".plot{{{sizes}aspect-ratio:{width}/{height}}}\n"


def _framed(spec: dict, end: int) -> dict:
    sides = {side: FRAME[side] for side in ("left", "right", "top", "bottom")}
    spec |= {"width": FRAME["width"], "height": FRAME["height"]}
    spec |= {"autosize": "none", "padding": sides}
    spec["config"]["axis"] |= FONTS
    _set_axes(spec, end / MILLION)
    # The keys of the row say what colours are.
    hide_legends(spec)
    return spec


def _set_axes(spec: dict, end: float) -> None:
    """One axis of training for all panels; the title of the row says what y is."""
    for layer in spec.get("layer", []):
        _set_axes(layer, end)
    encoding = spec.get("encoding", {})
    x = encoding.get("x", {})
    if x.get("field") in ("tokens", "start"):
        x["scale"] = x.get("scale", {}) | {"domain": [0, end], "nice": False}
        if "y" in encoding:
            encoding["y"]["title"] = None

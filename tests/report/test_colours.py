"""Palettes: every colour is seen on both papers, and is told from the others of its list."""

from itertools import combinations

import altair as alt
import numpy as np
import pytest

from induction.report.figures.drawn import Key
from induction.report.figures.frame import (
    COLOURS,
    LAYER_COLOURS,
    MODEL_COLOURS,
    SEED_COLOURS,
    dash_of,
    dashed,
)
from tests.contrast import contrast, linear

PALETTES = {
    "models": MODEL_COLOURS, "seeds": SEED_COLOURS, "layers": LAYER_COLOURS, "others": COLOURS,
}  # fmt: skip
PAPERS = ("#ffffff", "#17191c")
# Machado, Oliveira & Fernandes (2009), severity 1, on linear sRGB.
VIEWS = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# Ottosson (2020): linear sRGB to Oklab.
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def seen(colour: str, view: np.ndarray) -> np.ndarray:
    """In Oklab, where distances are those that people see; just noticeable is about 0.02."""
    return OKLAB @ np.cbrt(CONES @ np.clip(view @ linear(rgb(colour)), 0, 1))


@pytest.mark.parametrize("name", PALETTES)
def test_a_colour_is_seen_on_light_and_on_dark(name):
    for colour in PALETTES[name]:
        assert min(contrast(rgb(colour), rgb(paper)) for paper in PAPERS) >= 3, colour


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["models", "seeds", "layers"])
def test_colours_of_a_list_are_told_apart(name, view):
    for one, other in combinations(PALETTES[name], 2):
        distance = np.linalg.norm(seen(one, VIEWS[view]) - seen(other, VIEWS[view]))
        assert distance > 0.06, (one, other)


def test_models_seeds_and_layers_share_no_colour():
    used = [*MODEL_COLOURS, *SEED_COLOURS, *LAYER_COLOURS]
    assert len({colour.lower() for colour in used}) == len(used)
    assert (len(MODEL_COLOURS), len(SEED_COLOURS)) == (8, 5) and len(LAYER_COLOURS) >= 3


def test_what_comes_after_the_last_colour_is_dashed():
    assert dash_of(SEED_COLOURS, 4) == [1, 0] != dash_of(SEED_COLOURS, 5)
    assert dash_of(SEED_COLOURS, 10) not in (dash_of(SEED_COLOURS, 4), dash_of(SEED_COLOURS, 5))
    assert dashed("seed", [*range(5)], SEED_COLOURS) is alt.Undefined
    line = alt.Chart(alt.Data(values=[])).mark_line()
    channel = line.encode(strokeDash=dashed("seed", [*range(6)], SEED_COLOURS)).to_dict()
    looks = channel["encoding"]["strokeDash"]["scale"]["range"]
    assert looks[:5] == [[1, 0]] * 5 and looks[5] != [1, 0]


def test_a_swatch_looks_like_its_line():
    assert Key("layer", 1, "layer 1").rule == f".layer1::before{{background:{LAYER_COLOURS[1]}}}\n"
    again = Key("seed", len(SEED_COLOURS), "seed 9").rule
    assert SEED_COLOURS[0] in again and "repeating-linear-gradient" in again

"""Models in words."""

from dataclasses import replace

import pytest

from induction.config.model import Architecture
from induction.config.params import Params
from induction.report.wording import counted, joined, kind_of_model, kinds_of_models, label, plural
from tests.project import ROOT


@pytest.fixture(scope="module")
def models() -> dict[str, Architecture]:
    return Params(ROOT / "params.yaml").sections("models", Architecture)


def test_models_are_called_by_what_they_are(models):
    assert {name: kind_of_model(model) for name, model in models.items()} == {
        "attn1": "one-layer attention-only model",
        "attn2": "two-layer attention-only model",
        "attn3": "three-layer attention-only model",
        "smear1": "one-layer model with smeared keys",
        "smear2": "two-layer model with smeared keys",
        "mlp2": "two-layer model with MLPs",
        "rotary2": "two-layer attention-only model with rotary positions",
        "learned2": "two-layer attention-only model with learned positions",
    }


def test_of_two_that_are_called_alike_the_name_tells_which(models):
    wide = replace(models["attn2"], d_model=256)
    kinds = kinds_of_models({"attn2": models["attn2"], "wide": wide, "mlp2": models["mlp2"]})
    assert kinds["wide"] == "two-layer attention-only model (wide)"
    assert kinds["mlp2"] == "two-layer model with MLPs"


def test_there_may_be_many_layers_and_models(models):
    assert kind_of_model(replace(models["mlp2"], n_layers=12)) == "12-layer model with MLPs"
    assert plural("two-layer model with MLPs") == "two-layer models with MLPs"
    assert plural("one-layer attention-only model") == "one-layer attention-only models"
    assert (counted(3), counted(11), counted(1_200)) == ("three", "11", "1,200")


def test_several_kinds_are_joined_by_their_depth():
    kinds = [
        "one-layer model with smeared keys",
        "two-layer attention-only model",
        "two-layer model with smeared keys",
        "three-layer model with smeared keys",
    ]
    assert joined(kinds) == (
        "one-, two- and three-layer models with smeared keys and two-layer attention-only models"
    )
    assert joined(["two-layer model with MLPs"]) == "two-layer models with MLPs"


def test_a_line_of_a_figure_has_a_short_label(models):
    assert label(models["attn1"]) == "one layer"
    assert label(models["smear2"]) == "two layers, smeared keys"
    assert label(models["rotary2"]) == "two layers, rotary positions"

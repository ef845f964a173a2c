"""params.yaml is right as committed, and every way of getting it wrong is named."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.files.params import Params
from stages.files.stage import StageError
from stages.settings.strict import ParamsError, parse
from stages.settings.study import Study

# Through JSON, so that sections which YAML anchors share can be changed one at a time.
COMMITTED = json.loads(json.dumps(yaml.safe_load(Path("params.yaml").read_text("utf-8"))))


def changed(key: str, value):
    """params.yaml with one dotted key set; `...` removes it."""
    params = copy.deepcopy(COMMITTED)
    *path, last = key.split(".")
    section = params
    for part in path:
        section = section[part]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return params


def test_committed_params_are_valid():
    study = parse(Study, COMMITTED, "")
    assert {study.cells[cell].model for cell in study.cells} == {
        "attn1", "attn2", "attn3", "smear1", "smear2"
    }  # fmt: skip
    assert len(study.train.schedule(study.corpus.n_ctx)) in range(30, 50)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("train.tokens", ..., r"train\.tokens: found nothing, expected an integer; add it"),
        ("train.token", 5, r"train\.token: found 5, expected one of .*tokens.*rename"),
        ("surprise", 5, r"params\.yaml: surprise: found 5"),
        ("train", ..., r"params\.yaml: train: found nothing"),
        ("train", 3, r"params\.yaml: train: found 3, expected a mapping"),
        ("train.batch", "8", r"train\.batch: found '8', expected an integer"),
        ("train.batch", True, r"train\.batch: found True, expected an integer"),
        ("train.batch", 0, r"train\.batch: found 0, expected .*at least 1"),
        ("train.muon_lr", "1e-3", r"train\.muon_lr: found '1e-3', expected a number; .*0\.001"),
        ("train.muon_lr", float("nan"), r"train\.muon_lr: found nan"),
        ("train.muon_lr", float("inf"), r"train\.muon_lr: found inf"),
        ("train.optimizer", "sgd", r"train\.optimizer: found 'sgd', expected 'muon' or 'adamw'"),
        ("train.checkpoints", [], r"train\.checkpoints: found \[\]"),
        ("train.checkpoints", [{"until": 5}], r"train\.checkpoints\[0\]\.every: found nothing"),
        ("models.attn2.d_model", 130, r"models\.attn2\.d_model: found 130.*n_heads = 4"),
        ("models.attn2.n_layers", 0, r"models\.attn2\.n_layers: found 0"),
        ("models.attn2.positions", "alibi", r"models\.attn2\.positions: .*'rotary'"),
        ("models.attn2.init.o_gain", -1.0, r"models\.attn2\.init\.o_gain: found -1"),
        ("corpus.n_ctx", 256, r"icl\.windows\.late: found \[490, 510\].*n_ctx.*512"),
        ("icl.windows.late", [500, 511], r"icl\.windows\.late: .*up to 510"),
        ("icl.windows.late", [50, 60], r"icl\.windows\.late: .*after early"),
        ("icl.windows.early", [60, 40], r"icl\.windows\.early: found \[60, 40\]"),
        ("icl.windows.early", [40, 50, 60], r"icl\.windows\.early: .*exactly 2 entries"),
        ("icl.late_point", 511, r"icl\.late_point: found 511"),
        ("corpus.source", "wikipedia", r"corpus\.source: .*'packages' or 'docstrings' or 'files'"),
        ("corpus.source", "files", r"corpus\.files: found ''.*glob"),
        ("corpus.packages", [], r"corpus\.packages: found \[\]"),
        ("corpus.vocab_size", 100, r"corpus\.vocab_size: found 100"),
        ("corpus.vocab_size", 70_000, r"corpus\.vocab_size: found 70000"),
        ("corpus.evaluation.held_out", 1.5, r"corpus\.evaluation\.held_out: found 1\.5"),
        ("cells", {}, r"cells: found \{\}"),
        ("cells.attn2_s0.model", "attn9", r"cells\.attn2_s0\.model: found 'attn9', .*attn1"),
        ("cells.attn2_s0.seed", -1, r"cells\.attn2_s0\.seed: found -1"),
        ("cells.Bad-Name", {"model": "attn1", "seed": 5}, r"cells\.Bad-Name: .*a-z"),
        ("cells.again", {"model": "attn1", "seed": 0}, r"cells\.again: .*attn1_s0"),
        ("heads.repeats", 40, r"heads\.repeats: found 40.*n_ctx"),
        ("heads.text_sequences", 10_000, r"heads\.text_sequences: found 10000"),
        ("ablations.sequences", 10_000, r"ablations\.sequences: found 10000.*256"),
        ("ablations.modes", ["mean"], r"ablations\.modes\[0\]: found 'mean'"),
        ("ablations.modes", ["full", "full"], r"ablations\.modes: .*each once"),
        ("pca.components", 1, r"pca\.components: found 1"),
        ("device", "tpu", r"device: found 'tpu', expected 'auto' or 'cpu' or 'cuda'"),
        ("report.phase.peak_share", 0.0, r"report\.phase\.peak_share: found 0\.0"),
    ],
)  # fmt: skip
def test_one_bad_entry_is_named_with_its_remedy(key, value, wanted):
    with pytest.raises(ParamsError, match=wanted) as caught:
        parse(Study, changed(key, value), "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../escape", "a/b", "a b", "1st", "", "x" * 41, "a'; drop"])
def test_cell_names_cannot_become_paths_or_sql(name):
    params = copy.deepcopy(COMMITTED)
    params["cells"][name] = {"model": "attn1", "seed": 9}
    with pytest.raises(ParamsError, match="a-z, 0-9"):
        parse(Study, params, "")


def _keys(params, prefix=""):
    for name, value in params.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None)
@given(key=st.sampled_from(sorted(_keys(COMMITTED))), value=ANYTHING)
def test_whatever_stands_there_it_parses_or_is_refused_in_one_line(key, value):
    try:
        parse(Study, changed(key, value), "")
    except ParamsError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(StageError, match=r"params\.yaml: not found.*project's root"):
        Params(tmp_path / "params.yaml")
    for text in ("a: [1", "- 1\n- 2\n", "\x00"):
        (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(StageError, match=r"params\.yaml"):
            Params(tmp_path / "params.yaml")


def test_params_remember_what_was_read():
    params = Params()
    params.integer("corpus.n_ctx")
    params.get("device")
    assert params.keys_read == {"corpus.n_ctx", "device"}

"""params.yaml is right as committed, and every way of getting it wrong is named."""

import copy
import json
import os
import time
from collections import Counter
from dataclasses import FrozenInstanceError, asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest
from dvc.utils.serialize import loads_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.config.errors import ParamsError, StageError, show, visible
from induction.config.params import Params
from induction.pipeline.settings import study_of

# Through JSON, so that sections which YAML anchors share can be changed one at a time.
COMMITTED = json.loads(json.dumps(loads_yaml(Path("params.yaml").read_text("utf-8"))))


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
    study = study_of(COMMITTED)
    assert [cell.model for cell in study.cells.values()] == ["attn2", "attn1", "smear1", "smear2"]
    assert len(study.train.schedule(study.corpus.n_ctx)) in range(30, 50)


def test_the_published_run_has_as_many_new_seeds_of_everything_as_rules_ask_for():
    study = study_of(COMMITTED)
    asked = max(rule.seeds for rule in study.claims.rules.values())
    kinds = Counter(cell.rpartition("_s")[0] for cell in study.published)
    assert {"attn1", "attn2", "attn3", "mlp2", "smear1", "smear2"} < set(kinds)
    assert min(kinds.values()) >= asked
    assert min(cell.seed for cell in study.published.values()) == 3
    trained = [study.trained_as(cell) for cell in study.published]
    assert {train.text for train in trained} == {"stream", "shuffled", "periodic"}
    assert {train.optimizer for train in trained} == {"muon", "adamw"}
    assert {cell.corpus for cell in study.published.values()} == {"", "docstrings"}


def test_a_cell_is_trained_as_all_but_for_what_it_says():
    study = study_of(changed("cells.attn1_s0.train", {"warmup_steps": 7}))
    assert study.trained_as("attn1_s0") == replace(study.train, warmup_steps=7)
    assert study.trained_as("attn2_s0") == study.train


def test_published_cells_are_trained_longer_and_all_for_as_long():
    other = {"model": "attn2", "seed": 3, "train": {"optimizer": "adamw"}}
    study = study_of(changed("published.adamw_s3", other))
    length = study.published_train
    assert length.tokens and length.tokens > study.train.tokens
    longer = replace(study.train, tokens=length.tokens, checkpoints=length.checkpoints)
    assert study.trained_as("attn2_s3") == longer
    assert study.trained_as("adamw_s3") == replace(longer, optimizer="adamw")
    n_ctx = study.corpus.n_ctx
    schedules = {tuple(study.trained_as(cell).schedule(n_ctx)) for cell in study.published}
    assert len(schedules) == 1
    short, (long,) = study.train.schedule(n_ctx), schedules
    spacing = [after - before for before, after in pairwise(long)]
    assert spacing == sorted(spacing), "dense where most models change, sparser later"
    assert [step for step in long if step <= short[30]] == short[:31], "as in the default study"


HUB = {"dataset": "a/b", "configuration": "", "revision": "0" * 40, "split": "train"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.tokens", ..., r"train\.tokens: found nothing, expected an integer; add it"),
        ("train.token", 5, r"train\.token: found 5, expected one of .*tokens.*rename"),
        ("surprise", 5, r"params\.yaml: surprise: found 5"),
        ("train", ..., r"params\.yaml: train: found nothing"),
        ("train", 3, r"params\.yaml: train: found 3, expected a mapping"),
        ("train.batch", "8", r"train\.batch: found '8', expected an integer"),
        ("train.batch", True, r"train\.batch: found True, expected an integer"),
        ("train.batch", 0, r"train\.batch: found 0, expected .*at least 1"),
        ("train.batch", 12, r"train\.micro_batch: found 8, .*divides .*\(batch: 12\)"),
        ("train.micro_batch", 16, r"train\.micro_batch: found 16, .*divides .*\(batch: 8\)"),
        ("train.compile", 1, r"train\.compile: found 1, expected true or false"),
        ("losses.gpu_batch", 0, r"losses\.gpu_batch: found 0, expected .*at least 1"),
        ("train.muon_lr", "1e-3", r"train\.muon_lr: found '1e-3', expected a number; .*0\.001"),
        ("train.muon_lr", float("nan"), r"train\.muon_lr: found nan"),
        ("train.muon_lr", float("inf"), r"train\.muon_lr: found inf"),
        ("cells.attn1_s0.train", {"optimizer": "sgd"}, r"cells\.attn1_s0\.train\.optimizer: found"),
        ("cells.attn1_s0.train", {"tokens": 5}, r"attn1_s0\.train\.tokens: found 5, .*one of"),
        ("cells.attn1_s0.train", {"muon_lr": 0}, r"cells\.attn1_s0\.train\.muon_lr: found 0"),
        ("cells.attn1_s0.corpus", "prose", r"cells\.attn1_s0\.corpus: found 'prose', .*docstrings"),
        ("cells.attn1_s3", {"model": "attn1", "seed": 3}, r"published\.attn1_s3: .*not taken"),
        ("published.more", {"model": "attn1", "seed": 3}, r"published\.more: .*than cell attn1_s3"),
        ("published_train.tokens", 0, r"published_train\.tokens: found 0, .*at least 1"),
        ("published_train.batch", 9, r"published_train\.batch: .*one of tokens, checkpoints"),
        ("published_train.checkpoints", [], r"published_train\.checkpoints: found \[\]"),
        ("published_train", ..., r"published_train: found nothing"),
        ("cells.published", {"model": "attn1", "seed": 9}, r"cells\.published: .*not taken"),
        ("corpora.attn1_s0", {"source": "docstrings"}, r"corpora\.attn1_s0: .*not taken"),
        ("corpora.docstrings", {"source": "web"}, r"corpora\.docstrings\.source: found 'web'"),
        ("corpora.docstrings", {"source": "files"}, r"corpora\.docstrings\.files: found ''"),
        ("corpora.docstrings", {"n_ctx": 9}, r"corpora\.docstrings\.n_ctx: .*one of"),
        ("cells", {}, r"cells: found \{\}, expected at least one entry"),
        ("claims.rules.much_after", ..., r"rules\.much_after: found nothing, expected a rule"),
        ("claims.rules.surprise", {"seeds": 3, "at_least": 0}, r"rules\.surprise: .*registry"),
        ("train.optimizer", "sgd", r"train\.optimizer: found 'sgd', expected 'muon' or 'adamw'"),
        ("train.checkpoints", [], r"train\.checkpoints: found \[\]"),
        ("train.checkpoints", [{"until": 5}], r"train\.checkpoints\[0\]\.every: found nothing"),
        ("models.attn2.d_model", 130, r"models\.attn2\.d_model: found 130.*n_heads = 4"),
        ("models.attn2.n_layers", 0, r"models\.attn2\.n_layers: found 0"),
        ("models.attn2.positions", "alibi", r"models\.attn2\.positions: .*'rotary'"),
        ("models.attn2.init.o_gain", -1.0, r"models\.attn2\.init\.o_gain: found -1"),
        ("corpus.n_ctx", 256, r"corpus\.evaluation\.tokens: found 512, .*corpus\.n_ctx = 256"),
        (
            "corpus.evaluation.tokens",
            256,
            r"icl\.windows\.late: found \[490, 510\].*evaluation\.tokens.*512",
        ),
        ("icl.windows.late", [491, 511], r"icl\.windows\.late: .*up to 510"),
        ("icl.windows.late", [490, 509], r"icl\.windows\.late: .*as many positions as early"),
        ("icl.windows.late", [50, 60], r"icl\.windows\.late: .*after early"),
        ("icl.windows.early", [60, 40], r"icl\.windows\.early: found \[60, 40\]"),
        ("icl.windows.early", [40, 50, 60], r"icl\.windows\.early: .*at most 2 entries, not 3"),
        ("icl.late_point", 511, r"icl\.late_point: found 511"),
        ("corpus.source", "wikipedia", r"corpus\.source: .*'docstrings', 'files' or 'hub'"),
        ("corpus.source", "hub", r"corpus\.hub: found None, expected a mapping of data.*write"),
        ("corpus.hub", ..., r"corpus\.hub: found nothing, expected a mapping; add it"),
        ("corpus.hub", HUB, None),
        ("corpus.hub", HUB | {"dataset": "squad"}, r"corpus\.hub\.dataset: .*as owner/name"),
        ("corpus.hub", HUB | {"dataset": "../.git"}, r"corpus\.hub\.dataset: .*as owner/name"),
        ("corpus.hub", HUB | {"revision": "main"}, r"hub\.revision: found 'main', expected a whole "
         r"commit .*copy it from https://huggingface\.co/datasets/a/b/commits/main"),
        ("corpus.hub", HUB | {"revision": "0" * 39}, r"corpus\.hub\.revision: .*whole commit"),
        ("corpus.hub", HUB | {"split": "train[:9]"}, r"corpus\.hub\.split: .*name of a split"),
        ("corpus.hub", {"dataset": "a/b"}, r"corpus\.hub\.\w+: found nothing"),
        ("corpora.docstrings", {"source": "hub"}, r"corpora\.docstrings\.hub: found None"),
        ("corpora.docstrings", {"source": "hub", "hub": HUB}, None),
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
        ("ablations.sequences", 10_000, r"ablations\.sequences: found 10000.*384"),
        ("ablations.modes", ["mean"], r"ablations\.modes\[0\]: found 'mean'"),
        ("ablations.modes", ["full", "full"], r"ablations\.modes: .*each once"),
        ("circuits.checkpoints", ["best"], r"circuits\.checkpoints\[0\]: found 'best', .*'last'"),
        ("circuits.checkpoints", ["last", "last"], r"circuits\.checkpoints: .*each once"),
        ("circuits.trial_sequences", 400, r"circuits\.trial_sequences: found 400, .*384"),
        ("circuits.shown.block", 128, r"circuits\.shown\.block: found 128, .*256 tokens, got 257"),
        ("circuits.shown.text", 1, r"circuits\.shown\.text: found 1"),
        ("circuits.rule.diagonal", 2.0, r"circuits\.rule\.diagonal: found 2\.0"),
        ("pca.components", 1, r"pca\.components: found 1"),
        ("device", "tpu", r"device: found 'tpu', expected 'auto', 'cpu' or 'cuda'"),
        ("phases.peak_share", 0.0, r"phases\.peak_share: found 0\.0"),
        ("train.checkpoints", [{"until": 10**12, "every": 1}], r"train\.checkpoints: .*10,000"),
        ("train.tokens", 10**13, r"train\.tokens: .*999,999 steps"),
        ("train.adamw_lr", 1e31, r"train\.adamw_lr: found 1e\+31, .*fp32"),
        ("train.muon_lr", 10**400, r"train\.muon_lr: found an integer of 1329 bits, .*finite"),
        ("corpus.seed", -1, r"corpus\.seed: found -1"),
        ("icl.bootstrap_seed", -1, r"icl\.bootstrap_seed: found -1"),
        ("heads.seed", -1, r"heads\.seed: found -1"),
        ("icl.bootstrap_draws", 100_000, None),
        ("corpus.evaluation.sequences", 32_767, None),
        ("corpus.packages", ["numpy\n"], r"corpus\.packages\[0\]: found 'numpy\\n'"),
        ("corpus.packages", ["numpy/../x"], r"corpus\.packages\[0\]: .*PyPI"),
        ("corpus.packages", ["../numpy"], r"corpus\.packages\[0\]: .*PyPI"),
        ("corpus.packages", ["\u212a"], r"corpus\.packages\[0\]: .*PyPI"),
        ("corpus.packages", ["numpy"] * 1_001, r"corpus\.packages: .*at most 1,000 entries"),
        ("corpus.files", "/etc/*", r"corpus\.files: found '/etc/\*'.*inside the project.*link"),
        ("corpus.files", "texts/../../*", r"corpus\.files: .*inside the project"),
        ("corpus.files", ".dvc/config.local", r"corpus\.files: .*hidden"),
        ("corpus.files", "texts/.env", r"corpus\.files: .*hidden"),
        ("corpus.files", "./.env", r"corpus\.files: .*hidden"),
        ("corpus.files", "texts//**/*.txt", None),
        ("corpus.files", "*.txt", r"corpus\.files: found '\*\.txt', .*begins with a folder"),
        ("corpus.files", "./**/a.txt", r"corpus\.files: .*begins with a folder"),
        ("corpus.files", "text[12]/a.txt", r"corpus\.files: .*begins with a folder"),
        ("corpus.files", "${HOME}/a.txt", r"corpus\.files: .*begins with a folder"),
        ("corpus.files", "input.txt", None),
        ("corpus.files", "data/tiny/input.txt", r"corpus\.files: .*outside data/ and reports/"),
        ("corpus.files", "./reports/*.md", r"corpus\.files: .*outside data/ and reports/"),
        ("corpus.max_lost", 1.01, r"corpus\.max_lost: found 1\.01"),
        ("corpus.max_lost", 0.0, None),
        ("corpora.docstrings.max_lost", -0.1, r"corpora\.docstrings.*max_lost: found -0\.1"),
        ("corpus.files", "a\0b", r"corpus\.files: found 'a\\x00b', .*control"),
        ("corpus.text_column", "\ud800", r"corpus\.text_column: .*control"),
        ("models.attn1.n_layers", 500, None),
        ("models.attn1", {}, r"models\.attn1\.n_layers: found nothing"),
        ("cells.attn2_s0.model", "models.attn1", r"cells\.attn2_s0\.model: .*a-z, 0-9"),
    ],
)  # fmt: skip
def test_one_bad_entry_is_named_with_its_remedy(key, value, message):
    if message is None:  # still possible
        assert study_of(changed(key, value))
        return
    with pytest.raises(ParamsError, match=message) as caught:
        study_of(changed(key, value))
    assert "\n" not in str(caught.value)


NAMES = ["../escape", "a/b", "a b", "1st", "", "x" * 41, "a'; drop", "a.b", "a[0]", "a\n", "${a}",
         "\u0430ttn", "\u212a", "a\0", "\x1b[2J", "\ud800", "A", 1, 1.5, True, None]  # fmt: skip


@pytest.mark.parametrize("section", ["cells", "models"])
@pytest.mark.parametrize("name", NAMES)
def test_names_cannot_become_paths_or_sql_or_other_keys(section, name):
    params = copy.deepcopy(COMMITTED)
    entry = {"model": "attn1", "seed": 9} if section == "cells" else params["models"]["attn1"]
    params[section][name] = entry
    with pytest.raises(ParamsError, match=rf"params\.yaml: {section}\..*a-z, 0-9") as caught:
        study_of(params)
    assert str(caught.value).isprintable()


def _numbers(value, key=""):
    """Every number of the params: its key, the mapping or list that holds it, its place there."""
    for place, entry in value.items() if isinstance(value, dict) else enumerate(value):
        name = f"{key}[{place}]" if isinstance(value, list) else f"{key}.{place}".lstrip(".")
        if isinstance(entry, dict | list):
            yield from _numbers(entry, name)
        elif isinstance(entry, int | float) and not isinstance(entry, bool):
            yield name, value, place


HUGE = [10**31, -(10**31), 10**400, -(10**5000), 1e300, -1e300]


@pytest.mark.parametrize("number", HUGE, ids=show)
def test_every_number_is_bounded_on_both_sides(number):
    keys = [key for key, _, _ in _numbers(COMMITTED)]
    assert len(keys) > 80
    for i, key in enumerate(keys):
        params = copy.deepcopy(COMMITTED)
        _, holder, place = list(_numbers(params))[i]
        if isinstance(holder[place], float) or isinstance(number, int):
            holder[place] = number
            with pytest.raises(ParamsError) as caught:
                study_of(params)
            assert key.startswith(caught.value.key.split("[")[0]), (key, str(caught.value))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"n_layers": 1000, "d_model": 4096},
            r"models\.attn2\.d_model: found 4096, .*1,000,000,000",
        ),
        ({"mlp": True, "d_mlp": 262_144, "n_layers": 100}, r"models\.attn2\.d_model: .*weights"),
        ({"d_model": 65_536}, r"models\.attn2\.d_model: .*weights"),
        (
            {"n_heads": 1_000, "n_layers": 6, "d_model": 2_000},
            r"models\.attn2\.n_heads: .*patterns",
        ),
    ],
)
def test_a_model_beyond_memory_is_refused(changes, message):
    params = copy.deepcopy(COMMITTED)
    params["models"]["attn2"] |= changes
    with pytest.raises(ParamsError, match=message):
        study_of(params)


def test_a_block_to_show_must_have_its_tokens():
    params = copy.deepcopy(COMMITTED)
    params["heads"] |= {"block": 5, "lengths": [5]}
    with pytest.raises(ParamsError, match=r"circuits\.shown\.block: found 20, .*at most 10, twice"):
        study_of(params)


def test_an_evaluation_beyond_memory_is_refused():
    params = copy.deepcopy(COMMITTED)
    params["corpus"] |= {"n_ctx": 32_767, "vocab_size": 65_535}
    with pytest.raises(ParamsError, match=r"corpus\.n_ctx: found 32767, .*not 2,147,385,345"):
        study_of(params)
    params["corpus"] |= {"n_ctx": 16_384, "vocab_size": 512}
    params["corpus"]["evaluation"] |= {"sequences": 10_000, "tokens": 16_384}
    with pytest.raises(ParamsError, match=r"corpus\.evaluation\.sequences: .*not 163,840,000"):
        study_of(params)
    params["corpus"]["evaluation"]["tokens"] = 512
    params["icl"]["bootstrap_draws"] = 100_000
    with pytest.raises(ParamsError, match=r"icl\.bootstrap_draws: .*not 1,000,000,000"):
        study_of(params)


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
        study_of(changed(key, value))
    except ParamsError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000


def test_of_several_faults_the_first_in_the_file_is_named():
    params = changed("train.batch", "8")
    params["corpus"] = dict(reversed(params["corpus"].items())) | {"n_ctxt": 512, "seed": -1}
    del params["corpus"]["n_ctx"]
    for key, value in (("corpus.seed", 0), ("corpus.n_ctxt", ...), ("corpus.n_ctx", 512)):
        with pytest.raises(ParamsError) as caught:
            study_of(params)
        assert caught.value.key == key
        section, name = key.split(".")
        params[section].pop(name, None)
        params[section] |= {} if value is ... else {name: value}
    with pytest.raises(ParamsError, match=r"train\.batch: found '8'"):
        study_of(params)


def test_settings_are_checked_however_they_are_built():
    train = study_of(COMMITTED).train
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        replace(train, batch=0)
    with pytest.raises(ValueError, match="each `until` larger"):
        replace(train, checkpoints=())
    with pytest.raises(FrozenInstanceError):
        train.batch = 1
    assert json.loads(json.dumps(asdict(train))) == COMMITTED["train"]


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(StageError, match=r"params\.yaml: not found.*project's root"):
        Params(tmp_path / "params.yaml")
    for text in ("a: [1", "- 1\n- 2\n", "\x00"):
        (tmp_path / "params.yaml").write_text(text)
        with pytest.raises(StageError, match=r"params\.yaml"):
            Params(tmp_path / "params.yaml")


def file_of(folder, text: str | bytes) -> Path:
    path = folder / "params.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_plain_yaml_reads_as_in_dvc(tmp_path):
    """Against DVC's reader: types, aliases, merge keys, several of them, nested."""
    assert Params().all() == COMMITTED
    text = (
        "a: &a {x: 1, y: 1_000, z: -.inf, e: 1e-3}\nb: &b\n  <<: *a\n  y: .5\n  new: 1.5e+3\n"
        "c: {<<: [*b, *a, {x: 9, w: 0}], z: 'text'}\nd: [*a, ~, null, yes, off, 0, -7, 1., '1']\n"
        'e: "\\u00e9 <<"\nf:\ng: {}\nh: |\n  two\n  lines\n'
    )
    assert Params(file_of(tmp_path, text)).all() == loads_yaml(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"line 3: found the key 'a' again, first in line 1.*once; rename"),
        ("c:\n  x: {}\n  y: {}\n  x: {}\n", r"line 4: found the key 'x' again, first in line 2"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", r"line 4: found the key '<<' again"),
        ("a: &a {x: 1}\nb: {<<: *a, x: 2, x: 3}\n", r"line 2: found the key 'x' again"),
        ("1: a\n", r"line 1: found the key '1', expected a name; .*quotes"),
        ("a: 1\ntrue: b\n", r"line 2: found the key 'true', expected a name"),
        ("? [a, b]\n: 1\n", r"line 1: found a list as a key"),
        ("a: !!python/object/apply:os.system ['true']\n", r"line 1: found the tag .*os\.system"),
        ("a: !!int x\n", r"line 1: found the tag 'tag:yaml\.org,2002:int'"),
        ("a: {<<: 5}\n", r"not readable as YAML: line 1: .*expected a mapping"),
        ("a: " + "[" * 10_000, r"line 1: found yet a deeper level, expected at most 20"),
        ("a: " + "9" * 5_000, r"line 1: found '9+\.\.\.9+', expected at most 1,000 characters"),
        ('a: "\\UFFFFFFFF"', r"not readable as YAML"),
        ('a: "\\U00110000"', r"not readable as YAML"),
        ("a: \x1b[2J\n", r"not readable as YAML: unacceptable character"),
        (b"a: \xff\n", r"not readable as YAML: 'utf-8' codec"),
        ("a: 1\n--- \nb: 2\n", r"not readable as YAML: line 2: expected a single document"),
        ("- " * 5 + "\u202e", r"found \[\[\[.*expected a mapping of sections"),
        ("# " + "x" * 1_000_000, r"found more than 1,000,000 bytes; split"),
        ("".join(f"k{i}: 0\n" for i in range(60_000)), r"line 50000: .*at most 100,000"),
    ],
    ids=show,
)
def test_yaml_that_loses_or_hides_or_grows_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(StageError, match=rf"params\.yaml: {message}") as caught:
        Params(file_of(tmp_path, text))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["2001-99-99", "0x10", "010", "1:30", "=", "1:30:30.5", "0b1"])
def test_what_other_readers_take_otherwise_is_text_here(tmp_path, value):
    assert Params(file_of(tmp_path, f"a: {value}\n")).all() == {"a": value}


def _tower(first: str, line: str, levels: int) -> str:
    """YAML whose every level names the one below ten times."""
    lines = [f"l0: &l0 {first}"]
    for i in range(1, levels):
        lines.append(f"l{i}: &l{i} " + line.format(", ".join([f"*l{i - 1}"] * 10)))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        _tower("[x, y]", "[{}]", 30),
        _tower("{x: 1}", "{{<<: [{}]}}", 30),
        _tower("{x: 1}", "{{<<: [{}], y: 1}}", 30),
        "corpus: &a {packages: [*a, *a], files: *a}\n",
        "cells: &a {a: *a, b: {<<: *a}}\nmodels: *a\n",
        "&a\n<<: *a\ntrain: *a\n",
        # Merged from the outside in, as deep as there are entries.
        "d: {d: {l0: &l0 {x: 1}, "
        + "".join(f"l{i}: &l{i} {{<<: *l{i - 1}}}, " for i in range(1, 3_000))
        + "}}\ntop: {<<: *l2999}\n",
        # Each line repeats thousands of entries.
        "a: &a {" + ", ".join(f"k{i}: 1" for i in range(9_000)) + "}\n"
        + "".join(f"b{i}: {{<<: *a}}\n" for i in range(9_000)),
    ],
    ids=show,
)  # fmt: skip
def test_a_few_lines_that_stand_for_more_than_memory_are_refused_at_once(tmp_path, text):
    start = time.monotonic()
    with pytest.raises(StageError) as caught:
        study_of(Params(file_of(tmp_path, text)).all())
    assert time.monotonic() - start < 10
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1_000


def test_what_is_shown_is_one_short_line_whatever_it_is():
    endless: list = []
    endless.append(endless)
    tall: list = ["x" * 1_000]
    for _ in range(40):
        tall = [tall] * 10
    for value in (endless, tall, {1: tall, "a": endless}, 10**5_000, "\n\x1b\u202e\ud800", -1):
        text = show(value)
        assert text.isprintable() and 0 < len(text) <= 80
    assert visible("caf\udce9 \u2028é") == "caf\\udce9 \\u2028é"


def test_a_pipe_or_a_folder_in_place_of_the_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "params.yaml")
    with pytest.raises(StageError, match=r"params\.yaml: found no regular file"):
        Params(tmp_path / "params.yaml")
    with pytest.raises(StageError, match="found no regular file"):
        Params(tmp_path)


@pytest.mark.parametrize("value", [10**30, -1, 0, "512", True, None])
def test_sizes_that_other_stages_read_are_bounded_there_too(tmp_path, value):
    path = file_of(tmp_path, json.dumps({"corpus": {"n_ctx": value}}))
    with pytest.raises(ParamsError, match=r"corpus\.n_ctx: found .*(65,536|an integer)"):
        Params(path).integer("corpus.n_ctx")


def test_params_remember_what_was_read():
    params = Params()
    params.integer("corpus.n_ctx")
    params.get("device")
    assert params.keys_read == {"corpus.n_ctx", "device"}

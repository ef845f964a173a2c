"""12,000 broken params.yaml: each is refused in one line, or means something after all.

The same inputs on every run; `mutated(BARE, random.Random(i))` makes the i-th of bytes again.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.utils.serialize import loads_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.config.errors import ParamsError, StageError
from induction.config.params import Params
from induction.config.study import Study
from induction.pipeline.settings import study_of
from tests.watched import watched

pytestmark = pytest.mark.slow

TEXT = Path("params.yaml").read_text(encoding="utf-8")
# Comments take time to read, and break nothing.
BARE = re.sub(r" *#.*", "", TEXT).strip().encode() + b"\n"
VALUES = json.dumps(loads_yaml(TEXT))
SECTIONS = set(Study.__dataclass_fields__)
OUTCOMES: Counter = Counter()


def check(kind: str, values: object, path: Path | None = None) -> None:
    """Parse `values`, or the file at `path`, and hold the outcome to what a user may see."""
    try:
        with watched():
            study = study_of(Params(path).all() if path else values)
            steps = study.train.schedule(study.corpus.n_ctx)
    except StageError as error:
        OUTCOMES[kind, "refused"] += 1
        message = str(error)
        assert message.isprintable() and len(message) < 1_200, message
        if isinstance(error, ParamsError):
            assert error.key and message.startswith(f"params.yaml: {error.key}: found "), message
            assert ", expected " in message and "; " in message, message
        else:
            assert re.match(rf"{path}: (line \d+: found |not readable as YAML: |found )", message)
    else:
        OUTCOMES[kind, "valid"] += 1
        assert len(steps) <= 10_002 and steps[0] == 0 and steps == sorted(steps)
        for name in [*study.cells, *study.models]:
            assert re.fullmatch("[a-z][a-z0-9_]*", name)
        assert not re.search(r"(^|/)\.|^/", study.corpus.files)
        # It means what DVC, which checks less, takes it for, but for numbers that are text here.
        if path and not re.search(rb"\b(0x10|010|1:30|2001-99-99)\b", path.read_bytes()):
            assert Params(path).all() == loads_yaml(path.read_bytes())


LONG = 5_000
TOKENS = [
    *[
        b"&a ",
        b"*a",
        b"<<: *a",
        b"<<: ",
        b"? ",
        b"- ",
        b": ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"!",
        b"!!int ",
    ],
    *[b"!!python/object:os.system ", b"|\n", b">\n", b"---\n", b"...\n", b"%TAG ! x\n", b"'", b'"'],
    *[b"#", b"\t", b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b"\n"],
    *["\u2028".encode(), "\u202e".encode(), "\ufeff".encode()],
    *[b'"\\ud800"', b'"\\0"', b'"\\UFFFFFFFF"', b"[" * LONG, b"- " * LONG, b"{a: " * LONG],
    *[b"9" * LONG, b"1" + b":59" * LONG, b"x" * LONG, b"\n  " * LONG],
    *[b"device: cpu\n", b"  n_layers: 1\n", b"corpus: *attention_only\n"],
]
NUMBERS = [
    *[b"-1", b"0", b"1e400", b"1.0e+400", b".nan", b"-.inf", b"1" + b"0" * 30, b"9" * 400, b"0x10"],
    *[b"010", b"1:30", b"2001-99-99", b"~", b"yes", b"''", b"1_", b"+1", b"1e-3", b"0.0"],
    *[b"1.0e-320", b"2147483648", b"65536", b"0.5", b"\xd9\xa3", b"*attention_only"],
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to three slips of a keyboard, a disk or a stranger."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        lines = data.split(b"\n")
        i, j = rng.randrange(len(data) + 1), rng.randrange(len(lines))
        kind = rng.randrange(10)
        if kind == 0:
            data = data[:i] + bytes([rng.randrange(256)]) + data[i + 1 :]
        elif kind == 1:
            data = data[:i] + data[i + rng.randrange(1, 40) :]
        elif kind == 2:
            data = data[:i] + rng.choice(TOKENS) + data[i:]
        elif kind in (3, 4):
            numbers = list(re.finditer(rb"(?<=[ \[])-?[\d_.]+\b", data)) or [re.match(b"", data)]
            number = rng.choice(numbers)
            data = data[: number.start()] + rng.choice(NUMBERS) + data[number.end() :]
        else:
            if kind == 5:
                lines.insert(rng.randrange(len(lines)), lines[j])
            elif kind == 6:
                del lines[j]
            elif kind == 7:
                lines[j] = b" " * rng.randrange(8) + lines[j].lstrip()
            elif kind == 8:
                lines[j] += rng.choice(TOKENS)
            else:
                lines[j] = re.sub(
                    rb"\w+", rng.choice([*NUMBERS, b"x", b"attn1"]), lines[j], count=1
                )
            data = b"\n".join(lines)
    return data


def test_broken_bytes(tmp_path):
    path = tmp_path / "params.yaml"
    for i in range(2_500):
        path.write_bytes(mutated(BARE, random.Random(i)))
        check("bytes", None, path)
    assert OUTCOMES["bytes", "refused"] > 1_800 and OUTCOMES["bytes", "valid"] > 100, OUTCOMES


def _tall() -> list:
    tower: list = ["x"]
    for _ in range(60):
        tower = [tower] * 9
    return tower


def _endless() -> dict:
    circle: dict = {}
    circle["a"] = [circle, circle]
    return circle


STRANGE = [
    *[None, True, 0, -1, 2**31, 2**63, 10**31, 10**400, -(10**5_000), 0.5, -0.0, 1e300, -1e300],
    *[5e-324, float("nan"), float("inf"), "", "x", "1e-3", "a\nb", "\x1b[2J", "\ud800", "../x"],
    *["/x/*", ".git/*", "a.b", "\u212a", "x" * LONG, "**/" * LONG, [], [[]], [None], [10**31, 1]],
    *[[1] * LONG, ["a"] * LONG, {}, {"": {}}, {1: 1, "a": 2, None: 3}, {"a.b": {}}, _tall()],
    *[{"until": 10**12, "every": 1}, {f"c{i}": {} for i in range(LONG)}, _endless()],
]
NAMES = [
    "",
    "a.b",
    "A",
    "a\n",
    "\ud800",
    "x" * LONG,
    "\u0430",
    "${a}",
    1,
    2.5,
    None,
    True,
    10**5_000,
]


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    """The path of every entry of the params, sections included."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for name, entry in entries:
        yield (*path, name)
        if isinstance(entry, dict | list):
            yield from places(entry, (*path, name))


def changed(path: tuple, value: object = None, name: object = ...) -> dict:
    """The params with another value at `path` or, if given, another name for it."""
    params = json.loads(VALUES)
    holder = params
    for part in path[:-1]:
        holder = holder[part]
    if name is ...:
        holder[path[-1]] = value
    else:
        holder[name] = holder.pop(path[-1])
    return params


def test_every_entry_replaced_by_everything_strange():
    every = list(places(json.loads(VALUES)))
    for path in every:
        for value in STRANGE:
            check("replaced", changed(path, value))
    assert len(every) * len(STRANGE) == sum(
        n for (kind, _), n in OUTCOMES.items() if kind == "replaced"
    )
    assert OUTCOMES["replaced", "refused"] > 5_000, OUTCOMES


def test_every_name_replaced_by_everything_strange():
    for path in places(json.loads(VALUES)):
        if isinstance(path[-1], str):
            for name in NAMES:
                check("renamed", changed(path, name=name))
    assert OUTCOMES["renamed", "refused"] > 1_500 and not OUTCOMES["renamed", "valid"], OUTCOMES


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
SOME = st.dictionaries(
    st.sampled_from(sorted(SECTIONS)) | st.text(max_size=6), ANYTHING, min_size=1
)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "params.yaml"


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(sections=SOME)
def _whole_files(path, sections):
    path.write_text(json.dumps({**json.loads(VALUES), **sections}))
    check("whole", None, path)


def test_any_structure_in_place_of_sections(path):
    _whole_files(path)
    assert OUTCOMES["whole", "refused"] >= 350, OUTCOMES

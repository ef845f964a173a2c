"""The drawing of a head's pattern: the stripe of the induction circuit built by hand."""

import re

import pytest
import torch

from induction.cli import patterns
from induction.config.errors import StageError
from induction.models import checkpoints
from tests.conftest import T, V, header_of
from tests.project import ROOT

BLOCK = 10
DARK = patterns.SHADES[-1] * 2


@pytest.fixture
def shown(induction_model, tmp_path, monkeypatch, capsys):
    """What the command prints for the model, saved as a checkpoint."""
    folder = tmp_path / "attn2_s0"
    folder.mkdir()
    header = header_of(induction_model.arch, "attn2_s0")
    header = checkpoints.Header(**vars(header) | {"vocab_size": V, "n_ctx": T})
    checkpoints.save(folder, induction_model, header)
    monkeypatch.chdir(ROOT)

    def run(*arguments: str) -> str:
        path = str(checkpoints.path_of(folder, 7))
        patterns.command.main([path, *arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run


def picture(output: str) -> list[list[str]]:
    """The cells of the drawing, [query][key]."""
    lines = output.partition("\n\nL")[0].split("\n")
    assert len(lines) == 1 + 2 * BLOCK, "BOS, and the block twice"
    padded = [line.ljust(2 * len(lines)) for line in lines]
    return [re.findall("..", line) for line in padded]


def test_the_stripe_is_where_the_token_after_the_earlier_one_is(shown):
    output = shown("L1H0", "--block", str(BLOCK))
    cells = picture(output)
    for query in range(1 + BLOCK, 1 + 2 * BLOCK):
        dark = [key for key, cell in enumerate(cells[query]) if cell == DARK]
        assert dark == [query - BLOCK + 1], "one step right of the same token"
    score = float(re.search(r"L1H0: prefix matching (\d\.\d\d)", output)[1])
    assert score > 0.9


def test_a_previous_token_head_is_a_line_beside_the_diagonal(shown):
    cells = picture(shown("L0H0", "--block", str(BLOCK)))
    for query in range(1, 1 + 2 * BLOCK):
        assert [k for k, cell in enumerate(cells[query]) if cell == DARK] == [query - 1]


def test_a_head_that_does_nothing_has_no_stripe(shown):
    output = shown("L1H1", "--block", str(BLOCK))
    second = picture(output)[1 + BLOCK :]
    assert all(cell == "  " for row in second for cell in row)
    assert float(re.search(r"prefix matching (\d\.\d\d)", output)[1]) < 0.1


def test_shades_follow_the_attention():
    row = torch.tensor([[0.0, 0.19, 0.21, 0.41, 0.61, 0.81, 1.0]])
    assert patterns.draw(row) == "    ░░▒▒▓▓████"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("L2H0",), "head: found 'L2H0', expected one of L0H0 … L1H1"),
        (("L0H2",), "head: found 'L0H2'"),
        (("head",), "head: found 'head'"),
        (("L1H0", "--block", "0"), "--block: found 0"),
        (("L1H0", "--block", "1"), "--block: found 1, expected 2 to 15 with this model"),
        (("L1H0", "--block", "16"), "--block: found 16, expected 2 to 15"),
        (("L1H0",), "--block: found 20"),
    ],
)
def test_what_cannot_be_drawn_is_named(arguments, message, shown):
    with pytest.raises(StageError) as caught:
        shown(*arguments)
    assert str(caught.value).startswith(message)


def test_a_missing_checkpoint_is_named(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(StageError, match=r"nowhere\.safetensors: not found; make it with"):
        patterns.command.main(["nowhere.safetensors", "L0H0"], standalone_mode=False)

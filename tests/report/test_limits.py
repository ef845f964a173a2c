"""What limits a study, from its params."""

from dataclasses import replace

from induction.report.limits import limits
from tests.conftest import architecture


def test_it_names_depth_width_text_and_positions():
    small = architecture(n_layers=1, d_model=128)
    deep = replace(small, n_layers=3, positions="rotary")
    manifest = {"source": "packages", "versions": {"numpy": "2", "scipy": "1"}, "vocab_size": 512}
    text = limits([small, deep], manifest, 12_288_000, 512, "muon")
    assert "one to three layers, 128 wide, with a vocabulary of 512 tokens" in text
    assert "12.3 million tokens of the Python source code of numpy and scipy once, 512 at" in text
    assert "with positions that enter only through queries and keys and rotary positions" in text
    assert "trained with Muon at a constant rate" in text
    assert "your files" in limits(
        [small], {**manifest, "source": "files", "versions": {}}, 1, 8, "sgd"
    )

"""What the start of a stage loads: a study starts dozens, and torch alone takes two seconds."""

import sys

import pytest

from induction.pipeline.declarations import stages
from induction.pipeline.environment import run

WITHOUT_TORCH = ("icl", "pca", "phases", "claims", "report", "plan")
# Slow to import, and needed by no stage.
SLOW = ("transformer_lens", "pandas", "sklearn", "matplotlib", "scipy.stats")
LOADED = (
    "import importlib, sys; [importlib.import_module(n) for n in sys.argv[1:]]; print(*sys.modules)"
)


def loaded_by(*names: str) -> set[str]:
    modules = [f"stages.{name}" for name in names]
    command = [sys.executable, "-c", LOADED, *modules]
    done = run(command, capture_output=True, text=True, check=True)
    assert set(modules) <= set(done.stdout.split())
    return set(done.stdout.split())


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_stages_that_read_tables_start_without_torch(name):
    drawing = set() if name == "report" else {"altair"}
    assert not loaded_by(name) & {"torch", *SLOW, *drawing}


def test_the_others_load_nothing_slow_but_torch():
    assert not loaded_by(*stages().keys() - set(WITHOUT_TORCH)) & {"altair", *SLOW}

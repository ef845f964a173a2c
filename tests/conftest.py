"""Models with a known truth: random ones of every kind, and two induction circuits by hand."""

import os

import pytest
import torch
from filelock import FileLock

from induction.config.model import Architecture, Init
from induction.models.checkpoints import FORMAT, Header
from induction.models.transformer import Transformer
from induction.pipeline.declarations import stages
from induction.pipeline.environment import adopt
from induction.pipeline.layout import label
from induction.tables.provenance import Provenance
from tests.project import CELLS, Project, english

adopt()  # the tests may be what a Git hook runs, and use Git themselves
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the workers share the cores

VOCAB, N_CTX = 50, 48
BLOCK, REPEATS = 6, 4


def architecture(**changed) -> Architecture:
    fields = {
        "n_layers": 2,
        "n_heads": 4,
        "d_model": 32,
        "mlp": False,
        "d_mlp": 64,
        "smeared_keys": False,
        "positions": "qk_sinusoidal",
        "sinusoid_amplitude": 2.0,
        "init": Init(0.3, 1.0, 1.0, 0.3, 0.3),
    }
    return Architecture(**{**fields, **changed})


KINDS = {
    "attn": {},
    "three layers": {"n_layers": 3},
    "mlp": {"mlp": True},
    "smeared": {"smeared_keys": True},
    "smeared rotary": {"smeared_keys": True, "positions": "rotary"},
    "rotary": {"positions": "rotary"},
    "learned": {"positions": "learned"},
    "learned mlp smeared": {"positions": "learned", "mlp": True, "smeared_keys": True},
}


def random_model(**changed) -> Transformer:
    model = Transformer(architecture(**changed), VOCAB, N_CTX)
    model.init_weights(0)
    return model.eval()


@pytest.fixture(params=KINDS, ids=list(KINDS))
def any_model(request) -> Transformer:
    return random_model(**KINDS[request.param])


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, VOCAB, (3, 40), generator=torch.Generator().manual_seed(1))


# The hand-built circuits. The residual stream is four slots side by side,
#
#     token (one-hot) | out (one-hot) | previous token (one-hot) | position (one-hot)
#
# so that LayerNorm sees vectors of one mean and one norm and is a constant map, up to scale.
V, T = 16, 48
TOKEN, OUT, PREVIOUS, POSITION = 0, V, 2 * V, 3 * V
WIDTH = 3 * V + T
SHARP, LOUD = 40.0, 30.0


def blank(n_layers: int, smeared_keys: bool) -> Transformer:
    arch = architecture(
        n_layers=n_layers, n_heads=2, d_model=WIDTH, positions="learned", smeared_keys=smeared_keys
    )
    model = Transformer(arch, V, T).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "ln" not in name:
                weight.zero_()
        model.tok_embed.weight[:, TOKEN : TOKEN + V] = torch.eye(V)
        model.pos.weight[:, POSITION : POSITION + T] = torch.eye(T)
        model.head.weight[:, OUT : OUT + V] = LOUD * torch.eye(V)
    return model


def copies(attn, slot: int) -> None:
    """OV circuit of head 0: what stands in the token slot of the source goes to `slot`."""
    attn.v.weight[:V, TOKEN : TOKEN + V] = torch.eye(V)
    attn.o.weight[slot : slot + V, :V] = torch.eye(V)


@pytest.fixture
def induction_model() -> Transformer:
    """Two layers: L0H0 attends to the previous token and copies it into the previous-token slot;
    L1H0 attends where that slot holds the current token, and copies the token there to the
    output. Heads 1 do nothing."""
    model = blank(n_layers=2, smeared_keys=False)
    with torch.no_grad():
        first, second = model.layers[0].attn, model.layers[1].attn
        # Query at position i looks for position i - 1.
        first.q.weight[: T - 1, POSITION + 1 : POSITION + T] = SHARP * torch.eye(T - 1)
        first.k.weight[:T, POSITION : POSITION + T] = torch.eye(T)
        copies(first, PREVIOUS)
        second.q.weight[:V, TOKEN : TOKEN + V] = SHARP * torch.eye(V)
        second.k.weight[:V, PREVIOUS : PREVIOUS + V] = torch.eye(V)
        copies(second, OUT)
    return model


@pytest.fixture
def smeared_induction_model() -> Transformer:
    """One layer does it with smeared keys: the gate gives every position its predecessor's key."""
    model = blank(n_layers=1, smeared_keys=True)
    with torch.no_grad():
        attn = model.layers[0].attn
        attn.smear_gate.fill_(-30.0)
        attn.q.weight[:V, TOKEN : TOKEN + V] = SHARP * torch.eye(V)
        attn.k.weight[:V, TOKEN : TOKEN + V] = torch.eye(V)
        copies(attn, OUT)
    return model


def provenance_by(stage: str, cell: str = "") -> Provenance:
    """The provenance of an artifact made by a test."""
    return Provenance(stage, cell, "0" * 64, "1" * 64, "", ("python==3.11",), "cpu", "float32")


def header_of(arch: Architecture, cell: str, step: int = 7) -> Header:
    return Header(FORMAT, step, 100 * step, VOCAB, N_CTX, arch, provenance_by("train", cell))


@pytest.fixture(scope="session")
def studied(tmp_path_factory, worker_id) -> Project:
    """The small study, finished; for tests that change something of it, to be copied.

    Workers of one test run share it: whoever asks first makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "studied"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            provenance_by = Project(folder.with_name("making"))
            english(provenance_by.folder / "books")
            ran = provenance_by.repro()
            assert ran == {
                label(stage.name, cell)
                for stage in stages().values()
                for cell in (CELLS if stage.is_of_cell else [""])
                if stage.per != "suite"
            }
            provenance_by.folder.rename(folder)
    return Project.at(folder)

"""The versions of packages whose sources are the text: pinned, and installed as pinned."""

from importlib import metadata

import pytest

from induction.config.errors import StageError
from induction.text.packages import pinned, versions

NUMPY = metadata.version("numpy").split("+")[0]


@pytest.fixture
def pins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> None:
        (tmp_path / "constraints.txt").write_text(text)

    return write


def test_pins_are_read_by_the_names_that_installers_take_as_the_same(pins):
    pins("# a comment\n\n--hash=x\nScikit_Learn==1.2\nnumpy >= 2\ntorch==2.13.0+cpu ; x\nb==1.0\n")
    assert pinned(["scikit-learn", "numpy", "b"]) == {"b": "1.0", "scikit-learn": "1.2"}


def test_pinned_and_installed(pins):
    pins(f"numpy=={NUMPY}\n")
    assert versions(["numpy", "numpy"]) == {"numpy": NUMPY}


@pytest.mark.parametrize(
    ("text", "package", "says"),
    [
        ("", "numpy", f"constraints.txt does not pin.*pin the installed version {NUMPY} with"),
        ("numpy>=1\n", "numpy", "does not pin"),
        ("numpy==0.1\n", "numpy", f"{NUMPY} installed, but constraints.txt pins 0.1; .*=0.1`"),
        ("not-there==1\n", "not-there", "'not-there', which is not installed; install it"),
    ],
)
def test_what_is_not_pinned_as_it_is_installed_is_refused(pins, text, package, says):
    pins(text)
    with pytest.raises(StageError, match=rf"params\.yaml: corpus\.packages: found .*{says}"):
        versions([package])


def test_without_pins_the_remedy_is_named(pins):
    with pytest.raises(StageError, match=r"constraints\.txt: not readable .*`make lock`"):
        versions(["numpy"])

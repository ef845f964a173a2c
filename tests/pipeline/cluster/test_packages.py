"""The packages of a machine against those that are wanted."""

from importlib import metadata

from induction.pipeline.cluster.packages import differences, installed


def test_what_is_installed_here():
    here = installed()
    assert here[0].startswith("python==3.") and here[0].count(".") == 1
    assert f"torch=={metadata.version('torch').split('+')[0]}" in here
    assert len({line.partition("==")[0] for line in here}) == len(here)


def test_of_two_of_a_name_the_first_counts(monkeypatch, tmp_path):
    fake = tmp_path / "torch-0.1.dist-info"
    fake.mkdir()
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    before = installed()
    monkeypatch.syspath_prepend(str(tmp_path))
    (line,) = differences(before, installed())
    assert line.startswith("torch: found 0.1, expected ")


def test_differences_are_named_and_packages_on_top_are_none():
    wanted = ["python==3.11", "torch==2.13", "dvc==3.6"]
    assert differences(wanted, [*wanted, "nvidia-cublas==12"]) == []
    assert differences(wanted, ["python==3.12", "torch==2.13"]) == [
        "python: found 3.12, expected 3.11",
        "dvc: found nothing, expected 3.6",
    ]

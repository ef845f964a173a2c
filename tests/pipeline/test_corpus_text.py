"""The text of a corpus is an input like any other: what changes there is noticed everywhere."""

import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.project import INDUCTION, Project

TEXT = "And so it went on, down to the sea, where the boats lay in the harbour of the old town. "


def added(folder: Path) -> None:
    (folder / "new.txt").write_text(TEXT * 30)


def added_deep(folder: Path) -> None:
    (folder / "deep").mkdir()
    added(folder / "deep")


def removed(folder: Path) -> None:
    for path in sorted(folder.glob("0*.txt"))[60:]:
        path.unlink()


def replaced(folder: Path) -> None:
    """The same names and sizes, other text."""
    for path in sorted(folder.glob("0*.txt")):
        size = path.stat().st_size
        path.write_bytes((TEXT * size).encode()[:size])


def renamed(folder: Path) -> None:
    (folder / "0003.txt").rename(folder / "zzzz.txt")


def relinked(folder: Path) -> None:
    """What a link inside of the folder leads to."""
    (folder / "link.txt").unlink()
    (folder / "link.txt").symlink_to("0002.txt.long")


pytestmark = pytest.mark.slow  # each runs DVC and the tokenizer several times
CHANGES = (added, added_deep, removed, replaced, renamed, relinked)


@pytest.fixture(scope="module")
def corpus(studied, tmp_path_factory) -> Project:
    """The small study with its corpus alone, of all text files at any depth of `books`."""
    project = studied.copy(tmp_path_factory.mktemp("text") / "corpus")
    project.edit(lambda params: deep(params, "books/**/*.txt"))
    books = project.folder / "books"
    (books / "0002.txt.long").write_text(TEXT * 40)
    (books / "link.txt").symlink_to("0001.txt")
    repro_corpus(project)
    return project


def deep(params: dict, files: str) -> dict:
    params["corpus"]["files"] = files
    return params


def repro_corpus(project: Project, *options: str) -> str:
    project.run(*INDUCTION, "plan", check=True)
    done = project.run("dvc", "repro", *options, "corpus")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documents(project: Project) -> list[str]:
    return pq.read_table(project.folder / "data/corpus/documents.parquet")["name"].to_pylist()


def provenance(project: Project) -> dict:
    return json.loads((project.folder / "data/corpus/manifest.json").read_text())["provenance"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_texts_is_noticed_everywhere(corpus, tmp_path, change):
    project = corpus.copy(tmp_path / "p")
    before, made_by = project.products(), provenance(project)
    change(project.folder / "books")
    # `dvc status`, `make verify`, `dvc repro`.
    assert "books" in project.run("dvc", "status", "corpus").stdout
    verified = project.run(*INDUCTION, "verify").stdout
    assert "books: changed since this stage ran; run `dvc repro corpus`" in verified
    assert "eval.parquet: made from other text, of hash" in verified
    assert "Running stage 'corpus'" in repro_corpus(project)
    after = provenance(project)
    assert after["text"] != made_by["text"] and after["params"] == made_by["params"]
    assert "books:" not in project.run(*INDUCTION, "verify").stdout
    assert "Running stage" not in repro_corpus(project)
    # The old text brings back the old bytes, from the run cache.
    shutil.rmtree(project.folder / "books")
    shutil.copytree(corpus.folder / "books", project.folder / "books", symlinks=True)
    assert "Running stage 'corpus'" not in repro_corpus(project)
    assert project.products() == before


def test_the_run_cache_does_not_bring_back_the_corpus_of_deleted_files(corpus, tmp_path):
    project = corpus.copy(tmp_path / "p")
    removed(project.folder / "books")
    shutil.rmtree(project.folder / "data" / "corpus")
    (project.folder / "dvc.lock").unlink()
    assert "Running stage 'corpus'" in repro_corpus(project)
    left = {f"books/{path.name}" for path in (project.folder / "books").glob("*.txt")}
    assert set(documents(project)) <= left


def test_two_clones_with_different_texts_never_take_each_other_s_corpus(corpus, tmp_path):
    """One remote, one glob, the same params and code: only the texts differ."""
    first, second = (corpus.copy(tmp_path / name) for name in ("first", "second"))
    replaced(second.folder / "books")
    for project in (first, second):
        shutil.rmtree(project.folder / "data" / "corpus")
        shutil.rmtree(project.folder / ".dvc" / "cache")
        (project.folder / "dvc.lock").unlink()
        project.run("dvc", "remote", "add", "-d", "lab", str(tmp_path / "remote"), check=True)
        assert "Running stage 'corpus'" in repro_corpus(project, "--pull")
        done = project.run("dvc", "push", "--run-cache")
        assert done.returncode == 0, done.stderr
    assert provenance(first)["text"] != provenance(second)["text"]
    assert first.products() != second.products()
    # A third clone, with the texts of the second, takes what the second computed.
    third = second.copy(tmp_path / "third")
    shutil.rmtree(third.folder / "data" / "corpus")
    shutil.rmtree(third.folder / ".dvc" / "cache")
    (third.folder / "dvc.lock").unlink()
    assert "Running stage 'corpus'" not in repro_corpus(third, "--pull")
    assert third.products() == second.products()


def test_texts_that_change_while_the_corpus_is_made_are_not_published(corpus, tmp_path):
    """DVC hashes them when the stage has ended, and would credit the new with the old tokens."""
    project = corpus.copy(tmp_path / "p")
    before = project.products()
    # Where a user would be quicker than the tokenizer.
    path = project.folder / "stages" / "corpus.py"
    moment = "    tokens: list[np.ndarray] = []\n"
    assert path.read_text().count(moment) == 1
    edit = '    open("books/0001.txt", "a").write("more")\n'
    path.write_text(path.read_text().replace(moment, edit + moment))
    project.run("dvc", "repro", "plan", check=True)
    done = project.run("python", "-m", "stages.corpus")
    assert done.returncode == 1
    assert "the text of the corpus: changed while this stage ran" in done.stderr
    kept = {name: data for name, data in project.products().items() if "data/plan" not in name}
    assert kept == {name: data for name, data in before.items() if "data/plan" not in name}


AUDIT = """
import fnmatch, sys
def hook(event, arguments):
    if event == "open" and fnmatch.fnmatch(str(arguments[0]), "*/books/*.txt"):
        with open({opened!r}, "a") as file:
            print(arguments[0], file=file)
sys.addaudithook(hook)
"""


def test_a_no_op_hashes_no_text_anew(corpus, tmp_path):
    """DVC remembers size, time and inode of each; without read access it can do no more."""
    project = corpus.copy(tmp_path / "p")
    repro_corpus(project)  # the copies are new files
    opened = tmp_path / "opened"
    hook = project.folder / "home" / "hook"
    hook.mkdir(parents=True)
    (hook / "sitecustomize.py").write_text(AUDIT.format(opened=str(opened)))
    watched = ("env", f"PYTHONPATH={hook}", "dvc")
    done = project.run(*watched, "repro", "corpus")
    assert "Running stage" not in done.stdout and not opened.exists()
    (project.folder / "books" / "0003.txt").write_text(TEXT * 30)
    project.run(*watched, "status", "corpus")
    assert opened.read_text().splitlines() == [str(project.folder / "books" / "0003.txt")]


# What is no text that DVC could watch


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing", "books: not found, expected the text of corpus.files 'books/**/*.txt'"),
        ("pipe", "books/pipe: found no regular file, expected a file that DVC can hash"),
        ("nowhere", "books/nowhere: found a link to nothing, expected a file that DVC can hash"),
        (".dvcignore", "books/.dvcignore: found patterns of what DVC should not see"),
    ],
)
def test_what_dvc_cannot_watch_is_refused_before_it_is_asked(corpus, tmp_path, name, says):
    """DVC waits for ever for a pipe, and ends with an error of Python for a link to nothing."""
    project = corpus.copy(tmp_path / "p")
    path = project.folder / "books" / name
    if name == "missing":
        shutil.rmtree(path.parent)
    elif name == "pipe":
        os.mkfifo(path)
    elif name == "nowhere":
        path.symlink_to("not there")
    else:
        path.write_text("*.txt\n")
    done = project.run(*INDUCTION, "study", "--cells", "attn1_s0", timeout=60)
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_dvcignore_hides_is_left_out_and_named(corpus, tmp_path):
    project = corpus.copy(tmp_path / "p")
    project.append(".dvcignore", "/books/001*.txt\n")
    assert "Running stage 'corpus'" in repro_corpus(project)
    assert not any(name.startswith("books/001") for name in documents(project))
    manifest = json.loads((project.folder / "data/corpus/manifest.json").read_text())
    (part,) = [each for each in manifest["left_out"] if "dvcignore" in each["reason"]]
    assert part["count"] == 10 and part["examples"][0] == "books/0010.txt"
    assert "books:" not in project.run(*INDUCTION, "verify").stdout


@pytest.mark.parametrize("at_the_root", [True, False])
def test_a_folder_from_elsewhere_may_be_linked_in(corpus, tmp_path, at_the_root):
    project = corpus.copy(tmp_path / "p")
    (project.folder / "books").rename(tmp_path / "elsewhere")
    link = project.folder / "books"
    if not at_the_root:
        (tmp_path / "elsewhere" / "part").mkdir()
        added(tmp_path / "elsewhere" / "part")
        for path in sorted((tmp_path / "elsewhere").glob("00*.txt")):
            path.rename(path.parent / "part" / path.name)
        project.edit(lambda params: deep(params, "books/part/*.txt"))
    link.symlink_to(tmp_path / "elsewhere")
    repro_corpus(project)
    assert "Running stage" not in repro_corpus(project)
    added(tmp_path / "elsewhere" / ("" if at_the_root else "part"))
    (tmp_path / "elsewhere" / ("" if at_the_root else "part") / "more.txt").write_text(TEXT * 20)
    assert "Running stage 'corpus'" in repro_corpus(project)
    assert not any("part" in p for p in project.run(*INDUCTION, "verify").stdout.splitlines()[:1])


# Packages


def package(folder: Path, version: str) -> None:
    """A package `toytext` as installers leave it, where `python -m` looks first."""
    for old in folder.glob("toytext-*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"toytext-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toytext\nVersion: {version}\n")
    (folder / "toytext").mkdir(exist_ok=True)
    names = [f"toytext/m{i:02}.py" for i in range(30)]
    for i, name in enumerate(names):
        words = " ".join(f"name_{i}_{j} = {version!r} * {j * i}\n" for j in range(200))
        (folder / name).write_text(words)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names))


@pytest.fixture(scope="module")
def of_package(studied, tmp_path_factory) -> Project:
    project = studied.copy(tmp_path_factory.mktemp("packages") / "p")

    def edit(params: dict) -> dict:
        params["corpus"] |= {"source": "packages", "packages": ["Toytext"]}
        return params

    project.edit(edit)
    package(project.folder, "1.0")
    project.append("constraints.txt", "toytext==1.0\n")
    repro_corpus(project)
    return project


def pin(project: Project, version: str) -> None:
    path = project.folder / "constraints.txt"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("toytext")]
    path.write_text("\n".join([*lines, *([f"toytext=={version}"] if version else [])]) + "\n")


def test_another_version_of_a_package_is_another_text(of_package, tmp_path):
    project = of_package.copy(tmp_path / "p")
    assert "Running stage" not in repro_corpus(project)
    made_by = provenance(project)
    package(project.folder, "2.0")
    # The pins say what DVC watches, so that what is installed has to be what they say.
    says = "found 'Toytext' 2.0 installed, but constraints.txt pins 1.0"
    for command in (("study", "--cells", "attn1_s0"), ("verify",)):
        done = project.run(*INDUCTION, *command)
        assert done.returncode == 1 and says in done.stdout + done.stderr, command
    pin(project, "2.0")
    assert "Running stage 'corpus'" in repro_corpus(project)
    assert provenance(project)["text"] != made_by["text"]
    # A pin of something else is no reason.
    project.append("constraints.txt", "something-else==3\n")
    assert "Running stage 'corpus'" not in repro_corpus(project)
    # The other way round: the pin moved, and what is installed did not.
    pin(project, "3.0")
    done = project.run("dvc", "repro", "corpus")
    assert done.returncode != 0 and "2.0 installed, but constraints.txt pins 3.0" in done.stderr
    # The old text brings back the old bytes, from the run cache.
    package(project.folder, "1.0")
    pin(project, "1.0")
    assert "Running stage 'corpus'" not in repro_corpus(project)
    assert project.products() == of_package.products()


def test_a_package_that_nothing_pins_is_refused(of_package, tmp_path):
    project = of_package.copy(tmp_path / "p")
    pin(project, "")
    done = project.run(*INDUCTION, "study", "--cells", "attn1_s0")
    assert done.returncode == 1 and "pin the installed version 1.0 with `make lock`" in done.stderr
    (project.folder / "constraints.txt").unlink()
    done = project.run(*INDUCTION, "study", "--cells", "attn1_s0")
    assert done.returncode == 1 and done.stderr.startswith("error: constraints.txt: not readable")


# Experiments in a folder of their own


def test_an_experiment_in_a_folder_of_its_own_says_which_texts_it_lacks(corpus, tmp_path):
    project = corpus.copy(tmp_path / "p")
    project.append(".gitignore", "/books/\n/home/\n")
    for command in (
        ("git", "config", "user.email", "test@example.org"),
        ("git", "config", "user.name", "Test"),
        ("git", "add", "--all"),
        ("git", "commit", "-qm", "all but the texts"),
    ):
        project.run(*command, check=True)
    site = f"DVC_SITE_CACHE_DIR={project.folder}/.dvc/tmp/site"  # as docs/experiments.md says
    run = ("env", site, "dvc", "exp", "run", "--temp", "-S", "corpus.evaluation.sequences=11")
    done = project.run(*run, "corpus")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "error: plan: books: not found, expected the text of corpus.files" in done.stderr
    assert "`--copy-paths books`" in done.stderr
    done = project.run(*run, "--copy-paths", "books", "corpus")
    assert done.returncode == 0, done.stderr
    assert "Running stage 'corpus'" in done.stdout
    assert project.run("git", "status", "--porcelain").stdout == ""

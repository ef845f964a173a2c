"""Sharing a study: real remotes, fresh clones, two workers. With real DVC, on the small study."""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from induction.pipeline.environment import run, start
from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, ROOT, Project, english

pytestmark = pytest.mark.slow

# The S3 server lives in an environment of its own: moto and DVC want different botocores.
MOTO = ("moto[s3]==5.2.5", "flask", "flask-cors")
KEY, SECRET = "a-key-for-tests", "a-secret-for-tests"
SMALL_TABLES = ("data/icl/", "data/pca/")
RAN = re.compile(r"Running stage '([^']+)'")


class Checkout(Project):
    """A folder that holds the project already, or nothing yet."""

    def __init__(self, folder: Path):
        self.folder = folder

    def git(self, *arguments: str) -> None:
        author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        done = self.run("git", *author, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def dvc(self, *arguments: str) -> str:
        done = self.run("dvc", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ran(self, *arguments: str) -> set[str]:
        """The stages that `dvc repro` ran; those restored or skipped are not among them."""
        return set(RAN.findall(self.dvc("repro", *arguments)))

    def remote(self, **options: str) -> None:
        """The default remote of this clone alone, as a user with keys sets it up."""
        self.dvc("remote", "add", "--local", "--force", "--default", "private", options.pop("url"))
        for name, value in options.items():
            self.dvc("remote", "modify", "--local", "private", name, value)

    def clone(self, folder: Path, revision: str = "study") -> "Checkout":
        url = self.folder.as_uri()
        self.git("clone", "--quiet", "--branch", revision, url, str(folder))
        return Checkout(folder)

    def takes_text_of(self, other: Project) -> None:
        """The text is in no remote, and not in Git here."""
        shutil.copytree(other.folder / "books", self.folder / "books")

    def files(self, *prefixes: str) -> dict[str, bytes]:
        """What the stages and DVC wrote, by path; of it, what begins with one of the prefixes."""
        written = [p for top in ("data", "reports") for p in (self.folder / top).rglob("*")]
        paths = [self.folder / "dvc.lock", *written]
        named = {p.relative_to(self.folder).as_posix(): p for p in paths if p.is_file()}
        wanted = prefixes or ("",)
        return {name: p.read_bytes() for name, p in named.items() if name.startswith(wanted)}

    def fetched(self) -> set[str]:
        """MD5s of the files in this clone's cache, whether or not they are in its workspace."""
        cache = self.folder / ".dvc" / "cache" / "files" / "md5"
        return {p.parent.name + p.name for p in cache.glob("??/*") if p.suffix != ".dir"}


def md5s(files: dict[str, bytes]) -> set[str]:
    assert files
    return {hashlib.md5(content).hexdigest() for content in files.values()}


@contextmanager
def serving(*command: str) -> Iterator[str]:
    """The address of a server that is told its port by one more argument."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with start([*command, str(address[1])], **quiet) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                assert process.poll() is None and time.monotonic() < deadline, command
                try:
                    socket.create_connection(address, timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            process.terminate()


@pytest.fixture(scope="module", autouse=True)
def nobody_s_keys() -> Iterator[None]:
    """Keys or profiles of whoever runs the tests must neither help nor leave this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """The folder remote: a disk that a group shares."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def mirror(lab) -> Iterator[str]:
    server = (sys.executable, "-m", "http.server", "--directory", str(lab))
    with serving(*server, "--bind", "127.0.0.1") as url:
        yield url


@pytest.fixture(scope="module")
def study(tmp_path_factory, lab, mirror) -> Checkout:
    """The original, trained in one go. Git has its mirror and two tags: `corpus`, before any cell
    is trained, and `study`. It does not have the text: no clone can make the corpus anew."""
    created = Checkout(Project(tmp_path_factory.mktemp("original")).folder)
    english(created.folder / "books")
    created.run(*INDUCTION, "plan", check=True)
    created.dvc("remote", "add", "--default", "mirror", mirror)
    committed = (
        "stages",
        "induction",
        "params.yaml",
        "constraints.txt",
        "dvc.yaml",
        "dvc.lock",
        ".dvc",
        ".dvcignore",
        ".gitignore",
    )
    assert created.ran("corpus") == {"plan", "corpus"}
    created.git("add", *committed)
    created.git("commit", "--quiet", "--message", "corpus")
    created.git("tag", "corpus")
    per_cell = {f"{stage}@{cell}" for stage in PER_CELL for cell in CELLS}
    assert created.ran() == per_cell | {*PER_GRID}
    created.git("add", *committed, "reports")
    created.git("commit", "--quiet", "--message", "study")
    created.git("tag", "study")
    created.remote(url=str(lab))
    created.dvc("push")
    return created


@pytest.fixture(scope="module")
def bucket(tmp_path_factory) -> Iterator[dict[str, str]]:
    """An empty bucket of an S3 server, as the options of a DVC remote."""
    folder = tmp_path_factory.mktemp("moto")
    python = folder / "bin" / "python"
    for command in (
        (sys.executable, "-m", "venv", folder),
        (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *MOTO),
    ):
        done = run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    with serving(str(python), "-m", "moto.server", "-p") as url:
        create = urllib.request.Request(f"{url}/phase-change", method="PUT")
        urllib.request.urlopen(create).close()
        yield {
            "url": "s3://phase-change",
            "endpointurl": url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def s3(study, bucket, tmp_path_factory) -> dict[str, str]:
    """The S3 remote with the study in it, pushed by a clone that had to pull it first."""
    options = {**bucket, "url": f"{bucket['url']}/study"}
    maintainer = study.clone(tmp_path_factory.mktemp("maintainer") / "clone")
    maintainer.dvc("pull")
    maintainer.remote(**options)
    maintainer.dvc("push")
    return options


@pytest.fixture(params=["folder", "s3", "http"])
def remote(request, lab, mirror) -> dict[str, str]:
    if request.param == "s3":
        return request.getfixturevalue("s3")
    return {"url": str(lab) if request.param == "folder" else mirror}


def test_a_clone_pulls_every_byte_and_has_nothing_to_do(study, remote, tmp_path):
    clone = study.clone(tmp_path / "clone")
    clone.remote(**remote)
    clone.dvc("pull")
    assert clone.files() == study.files()
    clone.takes_text_of(study)
    assert "Data and pipelines are up to date." in clone.dvc("status")
    assert clone.ran() == set()


def test_small_tables_come_without_checkpoints(study, remote, tmp_path):
    clone = study.clone(tmp_path / "clone")
    clone.remote(**remote)
    clone.dvc("pull", "icl", "pca")
    wanted = study.files(*SMALL_TABLES)
    assert clone.files("data/") == wanted
    assert clone.fetched() == md5s(wanted)


def recipe(first: str) -> list[str]:
    """The lines of the block of commands in docs/sharing.md whose first line begins so."""
    text = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```sh\n({re.escape(first)}.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return block.splitlines()


def anonymous(page: bytes) -> bytes:
    """A page without the hashes of code that it names."""
    return re.sub(rb"<code>[0-9a-f]{12,64}</code>", b"", page)


@pytest.mark.parametrize(
    ("query", "ran"),
    [
        ("report/curves.sql", {"report"}),
        ("claims/heads.sql", {"claims", "report"}),
        ("phases/losses.sql", {"phases", "claims", "report"}),
    ],
)
def test_whoever_edits_a_query_makes_the_report_and_fetches_no_checkpoint(
    study, lab, query, ran, tmp_path
):
    """By the commands that docs/sharing.md gives, in a clone that has a remote and the text."""
    clone = study.clone(tmp_path / "clone")
    clone.remote(url=str(lab))
    clone.takes_text_of(study)
    edit, *commands = recipe("$EDITOR induction/sql/")
    assert edit.startswith("$EDITOR ")
    path = clone.folder / "induction" / "sql" / query
    path.write_text(path.read_text().replace("select", "select\n", 1))  # the same question
    shutil.rmtree(clone.folder / "reports")
    done = clone.run("sh", "-ec", "\n".join(commands))
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(RAN.findall(done.stdout)) == {"plan", *ran}
    ours, theirs = clone.files("reports/"), study.files("reports/")
    assert ours.keys() == theirs.keys()
    changed = {name for name in ours if anonymous(ours[name]) != anonymous(theirs[name])}
    assert changed == {"reports/provenance.json"}, "which holds hashes of code"
    assert not (clone.folder / "data" / "train").exists()
    assert not clone.fetched() & md5s(study.files("data/train/"))


@pytest.fixture(scope="module")
def workers(study, tmp_path_factory) -> list[Checkout]:
    """A clone per cell, each of which knows only the corpus and computes its own cell."""
    folder = tmp_path_factory.mktemp("workers")
    created = []
    for cell in CELLS:
        worker = study.clone(folder / cell, "corpus")
        each = [f"{stage}@{cell}" for stage in PER_CELL]
        assert worker.ran("--pull", *each) == set(each)
        created.append(worker)
    return created


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_the_cells_of_two_workers_join_into_the_serial_run(study, workers, kind, request, tmp_path):
    """Over a remote that holds nothing else: whatever the coordinator does not run is theirs."""
    store = {"url": str(tmp_path / "store")}
    if kind == "s3":
        bucket = request.getfixturevalue("bucket")
        store = {**bucket, "url": f"{bucket['url']}/workers"}
    for worker in workers:
        worker.remote(**store)
        worker.dvc("push", "--run-cache")
    coordinator = study.clone(tmp_path / "coordinator", "corpus")
    coordinator.remote(**store)
    assert coordinator.ran("--pull") == {*PER_GRID}
    assert coordinator.files() == study.files()
    coordinator.takes_text_of(study)
    assert "Data and pipelines are up to date." in coordinator.dvc("status")


def test_one_table_is_had_without_a_clone(study, tmp_path):
    """From the Git address alone: the remote is the one in the committed .dvc/config."""
    table = f"data/icl/{CELLS[0]}/icl.parquet"
    visitor = Checkout(tmp_path)
    visitor.dvc("get", study.folder.as_uri(), table)
    assert [p.name for p in tmp_path.iterdir() if p.name[0] != "."] == ["icl.parquet"]
    assert (tmp_path / "icl.parquet").read_bytes() == study.files()[table]


def test_keys_never_reach_git(study, tmp_path):
    """Not even by `git add --all`, in a clone that commits the remote's address."""
    clone = study.clone(tmp_path / "clone")
    clone.dvc("remote", "add", "s3", "s3://phase-change/study")
    clone.dvc("remote", "modify", "--local", "s3", "access_key_id", KEY)
    clone.dvc("remote", "modify", "--local", "s3", "secret_access_key", SECRET)
    assert SECRET in (clone.folder / ".dvc" / "config.local").read_text()
    assert clone.run("git", "check-ignore", ".dvc/config.local").returncode == 0
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message", "an S3 remote")
    assert clone.run("git", "status", "--porcelain").stdout == ""
    assert "s3://phase-change" in clone.run("git", "show", "HEAD:.dvc/config").stdout
    for word in (KEY, SECRET):
        result = clone.run("git", "grep", "--fixed-strings", word, "HEAD")
        assert (result.returncode, result.stdout) == (1, "")

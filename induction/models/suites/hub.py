"""One repository of the Hugging Face hub: its commits and files, asked for with patience."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import disable_progress_bars

from induction.config.errors import ParamsError, StageError, visible
from induction.models.suites.commits import Commit, Commits
from induction.models.suites.files import TOKENIZER, has_tokenizer
from induction.tables.atomic import remove

T = TypeVar("T")

# Xet, the hub's other protocol, keeps a cache in the home folder. Environment variables would say
# this, too, but are read when transformers is imported, which may have happened.
constants.HF_HUB_DISABLE_XET = True
constants.HF_HUB_DISABLE_TELEMETRY = True

# Seconds; the hub counts requests over five minutes, which these exceed.
WAITS = (2, 4, 8, 16, 32, 64, 64, 64, 64)
LONGEST_WAIT = 600
# Of other failures than the hub's request to wait, this many are waited for: about a minute.
PATIENT = 5
FETCHED = "fetched.json"  # beside the files: what they are of
BUSY = (408, 429)


class Hub:
    """`key` and `revision_key` are the entries of params.yaml that errors name."""

    def __init__(self, repository: str, key: str, revision_key: str, lock: Path, scratch: Path):
        self._repository, self._key, self._revision_key = repository, key, revision_key
        self._scratch = scratch
        self._commits = Commits(lock, scratch / "commits.guard")
        # Given explicitly, as the client reads it when it is imported.
        self._endpoint = os.environ.get("HF_ENDPOINT") or None
        self._api = HfApi(endpoint=self._endpoint)

    def resolve(self, revision: str) -> Commit:
        """The commit that `revision` stood for when it was first asked."""
        recorded = self._commits.recorded(self._repository, revision)
        if recorded is not None:
            return recorded
        info = self._patiently(
            revision, lambda: self._api.model_info(self._repository, revision=revision)
        )
        licence = info.card_data.get("license") if info.card_data else None
        commit = Commit(info.sha or "", visible(str(licence), 80) if licence else "")
        self._commits.add(self._repository, revision, commit)
        return commit

    def files(self, commit: str) -> dict[str, RepoFile]:
        """What lies at the root of the repository, by name."""

        def ask() -> dict[str, RepoFile]:
            entries = self._api.list_repo_tree(self._repository, revision=commit)
            return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}

        return self._patiently(commit, ask)

    def tokenizer(self, revision: str, below: Path) -> Path:
        """A folder with the tokenizer of a revision, below `below`."""
        commit = self.resolve(revision).commit
        folder = below / "tokenizer" / commit
        if not self.has_fetched(commit, folder):
            files = self.files(commit)
            if not has_tokenizer(files):
                raise ParamsError(
                    f"{self._key.rpartition('.')[0]}.tokenizer",
                    self._repository,
                    f"a tokenizer.json, which its revision {revision} lacks",
                    "name a folder or another repository of the hub that has it",
                )
            self.fetch(commit, [files[name] for name in TOKENIZER if name in files], folder)
        return folder

    def has_fetched(self, commit: str, folder: Path) -> bool:
        """Whether `folder` holds what `fetch` made of this commit."""
        try:
            values = json.loads((folder / FETCHED).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return values == {"repository": self._repository, "commit": commit}

    def fetch(self, commit: str, files: list[RepoFile], folder: Path) -> None:
        """Make `folder`, which then holds these files of a commit, or is not there at all.

        Files that an interrupted call has finished are not fetched again by the next. Within one
        call, a file whose connection drops goes on where it was.
        """
        partial = folder.with_name(f"{folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        # The client begins a file that it had not finished anew, under another name.
        for left in (partial / ".cache").rglob("*.incomplete"):
            left.unlink()

        def download() -> None:
            snapshot_download(
                self._repository,
                revision=commit,
                allow_patterns=[file.path for file in files],
                local_dir=partial,
                cache_dir=self._scratch / "cache",
                endpoint=self._endpoint,
            )
            for file in files:
                _check(file, partial)

        disable_progress_bars()
        self._patiently(commit, download)
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        made_of = {"repository": self._repository, "commit": commit}
        (partial / FETCHED).write_text(json.dumps(made_of), encoding="utf-8")
        remove(folder)
        partial.rename(folder)

    def _patiently(self, revision: str, ask: Callable[[], T]) -> T:
        """What `ask` answers, waiting while the hub is busy or the connection drops."""
        for tried, wait in enumerate((*WAITS, None), start=1):
            try:
                return ask()
            except (OSError, httpx2.HTTPError, ValueError, LookupError) as raised:
                error = _cause(raised)
                self._refuse(error, revision)
                status = _status(error)
                if wait is None or (status != 429 and tried > PATIENT):
                    raise StageError(
                        f"{self._key}: found no answer from the hub about {self._repository} in "
                        f"{tried} tries ({_line(error)}), expected one; check the connection and "
                        "run this again (files that were fetched are kept)"
                    ) from None
                wait = min(max(wait, _asked(error)), LONGEST_WAIT)
                said = "the hub asks to wait" if status == 429 else f"({_line(error)})"
                print(f"{self._repository}: {said}; going on in {wait} s", file=sys.stderr)
                time.sleep(wait)
        raise AssertionError  # the last try returns or raises

    def _refuse(self, error: BaseException, revision: str) -> None:
        """Raise what waiting does not help."""
        name, status = self._repository, _status(error)
        if isinstance(error, GatedRepoError):
            raise ParamsError(
                self._key,
                name,
                "a repository whose files you may read",
                "accept its terms on the hub and set HF_TOKEN to a token of yours",
            ) from None
        if isinstance(error, RepositoryNotFoundError):
            raise ParamsError(
                self._key,
                name,
                "a repository of the hub",
                "correct owner/name, or set HF_TOKEN if it is private",
            ) from None
        if isinstance(error, RevisionNotFoundError):
            raise ParamsError(
                self._revision_key, revision, f"a revision of {name}", "correct it or the steps"
            ) from None
        if isinstance(error, HFValidationError):
            raise ParamsError(self._key, name, "owner/name of the hub", "correct it") from None
        if isinstance(error, OfflineModeIsEnabled):
            raise StageError(
                f"{self._key}: found HF_HUB_OFFLINE set, expected leave to ask the hub about "
                f"{name}; unset it, or run this where there is a network"
            ) from None
        if status == 401:
            raise StageError(
                f"{self._key}: found no leave to read {name}, expected a token of the hub that "
                "gives it; set HF_TOKEN, or correct it"
            ) from None
        is_foreign = isinstance(error, (FileMetadataError, LookupError, ValueError))
        if is_foreign or (status and status < 500 and status not in BUSY):
            raise StageError(
                f"{self._key}: found an answer about {name} that is not that of a hub or refuses "
                f"it ({_line(error)}), expected its files; check HF_ENDPOINT and HF_TOKEN"
            ) from None
        if isinstance(error, OSError) and error.errno is not None and not status:
            raise error  # of this machine: a full disk, no permission


def _check(file: RepoFile, folder: Path) -> None:
    """Raise OSError, which asks for another try, unless the file is there as the hub has it."""
    path = folder / file.path
    # The client returns what it has, with a log entry alone, where the hub does not answer.
    if not path.is_file():
        raise OSError(f"{file.path} did not come")
    if file.lfs is None:
        return
    with open(path, "rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    if digest != file.lfs.sha256:
        path.unlink()
        raise OSError(f"{file.path} came damaged")


def _cause(error: BaseException) -> BaseException:
    """What lies behind the client's error that a file is not in its cache."""
    while isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _status(error: BaseException) -> int:
    return error.response.status_code if isinstance(error, HfHubHTTPError) else 0


def _asked(error: BaseException) -> int:
    """How many seconds the hub asks to wait."""
    if not isinstance(error, HfHubHTTPError):
        return 0
    seconds = error.response.headers.get("Retry-After", "")
    return int(seconds) if seconds.isdigit() and len(seconds) < 10 else 0


def _line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return visible(lines[0] if lines else type(error).__name__, 120)

"""Checkpoints in folders of this machine: of `save_pretrained`, of a Trainer, of nanoGPT."""

import glob
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from induction.config.errors import ABSENT, ParamsError, StageError, show, visible
from induction.config.suites import MAX_STEP, STEP, Suite
from induction.models.suites.files import has_tokenizer
from induction.models.suites.named_tokenizer import named_tokenizer
from induction.models.suites.revision import Revision, SuiteSource

# What `revision` is where the suite leaves it empty.
USUAL = {"folder": "", "trainer": f"checkpoint-{STEP}", "nanogpt": "ckpt.pt"}
MOST_NAMED = 5


class LocalSource(SuiteSource):
    def __init__(self, name: str, suite: Suite, lock: Path, scratch: Path):
        self._key, self._suite, self._at = f"suites.{name}", suite, Path(suite.at)
        self._name, self._lock, self._scratch = name, lock, scratch
        self._pattern = suite.revision or USUAL[suite.source]
        if suite.source == "nanogpt" and self._at.is_file() and not suite.revision:
            self._pattern = ""

    def revisions(self) -> list[Revision]:
        # A path in `revision` that is absolute would lead elsewhere.
        if Path(self._pattern).is_absolute():
            raise ParamsError(
                f"{self._key}.revision", self._pattern, f"a path below {self._suite.at}", "cut it"
            )
        if not self._at.exists() or (self._pattern and not self._at.is_dir()):
            raise ParamsError(
                f"{self._key}.at", self._suite.at, "a folder that is there", "correct the path"
            )
        by_step = self._series() if STEP in self._pattern else self._single()
        steps = list(self._suite.steps) or sorted(by_step)
        missing = [step for step in steps if step not in by_step]
        if missing:
            raise ParamsError(
                f"{self._key}.steps",
                missing[0],
                f"a step of {self._suite.at}: {_some([str(step) for step in sorted(by_step)])}",
                "correct the list, or leave it empty to read all",
            )
        return [self._revision(step, by_step[step]) for step in steps]

    def _series(self) -> dict[int, Path]:
        """Where the checkpoint of each step lies."""
        first, *others = self._pattern.split(STEP)
        matching = re.compile(
            re.escape(first)
            + r"(?P<step>\d+)"
            + "".join(rf"{re.escape(part)}(?P=step)" for part in others[:-1])
            + re.escape(others[-1])
        )
        by_step: dict[int, Path] = {}
        for path in sorted(self._at.glob("*".join(map(glob.escape, [first, *others])))):
            match = matching.fullmatch(path.relative_to(self._at).as_posix())
            if match is None or path.is_file() != (self._suite.source == "nanogpt"):
                continue
            step = int(match["step"]) if len(match["step"]) <= 20 else MAX_STEP + 1
            if step > MAX_STEP or step in by_step:
                raise StageError(
                    f"{self._key}: found {visible(str(path), 200)}, expected one checkpoint per "
                    f"step, numbered up to {MAX_STEP:,}; rename or remove it"
                )
            by_step[step] = path
        if not by_step:
            there = _some(sorted(path.name for path in self._at.iterdir())) or "nothing"
            raise ParamsError(
                f"{self._key}.revision",
                self._pattern,
                f"what checkpoints of {self._suite.at} are called, where there are: {there}",
                f"write one of these names with {STEP} for its number",
            )
        return by_step

    def _single(self) -> dict[int, Path]:
        path = self._at / self._pattern
        if not path.exists() or path.is_file() != (self._suite.source == "nanogpt"):
            kind = "a file of nanoGPT" if self._suite.source == "nanogpt" else "a folder"
            raise ParamsError(f"{self._key}.revision", self._pattern, f"{kind} below {self._at}",
                              "correct it")  # fmt: skip
        if self._suite.source == "nanogpt":
            return {self._step_of(path): path}
        if not self._suite.steps:
            raise ParamsError(
                f"{self._key}.steps",
                ABSENT,
                f"the step of the one checkpoint in {path}, or a revision with {STEP}",
                "write steps: [1000], or revision: step{step}, as it is",
            )
        return {self._suite.steps[0]: path}

    def _step_of(self, path: Path) -> int:
        # Torch takes seconds to import, and other sources have no need of it.
        from induction.models.suites.nanogpt import step_of

        return step_of(path, f"{self._key}: {path}", self._suite.pickle)

    def _revision(self, step: int, path: Path) -> Revision:
        tokens = self._tokens(step, path)
        name = path.relative_to(self._at).as_posix()
        if self._suite.source == "nanogpt" and (stored := self._step_of(path)) != step:
            raise StageError(
                f"{self._key}: {path}: found iter_num {stored}, expected {step} as the name says; "
                "rename it or remove it"
            )
        licence = next(filter(None, map(licence_of, (path, self._at))), "")
        return Revision(step, name, tokens, "", licence)

    def _tokens(self, step: int, path: Path) -> int | None:
        if step == 0:
            return 0
        state = path / "trainer_state.json"
        if self._suite.source == "trainer" and state.is_file():
            try:
                values = json.loads(state.read_text(encoding="utf-8"))
                at_step, tokens = values["global_step"], values.get("num_input_tokens_seen", 0)
                if not isinstance(at_step, int) or not isinstance(tokens, int):
                    raise TypeError
            except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
                raise StageError(
                    f"{self._key}: {state}: not the state of a Trainer (global_step, "
                    "num_input_tokens_seen); copy the checkpoint again"
                ) from None
            if at_step != step:
                raise StageError(
                    f"{self._key}: {state}: found global_step {at_step}, expected {step} as the "
                    "name says; rename or remove the folder"
                )
            if tokens > 0:  # the Trainer leaves it at 0 where it was not told to count
                return tokens
        each = self._suite.tokens_per_step
        return None if each is None else step * each

    def tokenizer(self) -> Path:
        if self._suite.tokenizer:
            return named_tokenizer(self._name, self._suite, self._lock, self._scratch)
        first = self._at / self.revisions()[0].name
        for folder in (first, self._at):
            if folder.is_dir() and has_tokenizer({path.name for path in folder.iterdir()}):
                return folder
        raise ParamsError(
            f"{self._key}.tokenizer",
            ABSENT,
            f"where the tokenizer lies, because {first} has no tokenizer.json",
            "name its folder, or a repository of the hub",
        )

    @contextmanager
    def weights(self, revision: Revision, keep: Path | None = None) -> Iterator[Path]:
        yield self._at / revision.name


def licence_of(folder: Path) -> str:
    """What the front matter of a README.md says; empty where there is none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        _, front, _ = re.split(r"^---\s*$", text, maxsplit=2, flags=re.MULTILINE)
        licence = yaml.safe_load(front)["license"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError, RecursionError):
        return ""
    # Not str(), which YAML's aliases can make endless.
    return visible(licence, 80) if isinstance(licence, str) else show(licence)


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")

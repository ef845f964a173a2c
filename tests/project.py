"""A small study in a folder of its own: a copy of this project, real DVC, English text."""

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import yaml

from induction.config.corpus import CorpusSettings
from induction.config.strict import parse
from induction.pipeline.declarations import stages
from induction.pipeline.environment import run, start
from induction.text import sources

ROOT = Path(__file__).parent.parent
CELLS = ("attn1_s0", "smear2_s0")
# The stages of models of ours, and those that join them.
PER_CELL, PER_GRID = (
    tuple(stage.name for stage in stages().values() if stage.per in per)
    for per in (("cell", "trained"), ("grid",))
)
# The command `induction` of the copy, not of this project.
INDUCTION = ("python", "-m", "induction.cli.main")
XDG = ("CACHE", "CONFIG", "DATA", "STATE")
BYTECODE = str(ROOT / ".scratch" / "bytecode")


def small(params: dict) -> dict:
    """The committed params, shrunk until the study takes half a minute."""
    params["corpus"] |= {
        "source": "files",
        "files": "books/*.txt",
        "max_characters": 600_000,
        "tokenizer_characters": 100_000,
        "vocab_size": 300,
        "n_ctx": 64,
        "evaluation": {"sequences": 12, "tokens": 64, "held_out": 0.2},
    }
    for model in params["models"].values():
        model |= {"n_heads": 2, "d_model": 16}
    params["cells"] = {c: params["cells"][c] for c in CELLS}
    params["published"], params["published_train"], params["corpora"] = {}, {}, {}
    params["train"] |= {
        "tokens": 64 * 8 * 20,
        "warmup_steps": 5,
        "checkpoints": [{"until": 64 * 8 * 20, "every": 64 * 8 * 5}],
    }
    params["icl"] |= {
        "windows": {"early": [4, 8], "late": [58, 62]},
        "early_point": 6,
        "late_point": 60,
        "bootstrap_draws": 100,
    }
    params["heads"] |= {"sequences": 2, "block": 5, "repeats": 3, "max_gap": 4, "text_sequences": 2}
    params["heads"] |= {"lengths": [3, 6]}
    params["ablations"] |= {"sequences": 4, "other_sequences": 2}
    params["interventions"] |= {"sequences": 4, "every": 3, "draws": 3}
    params["circuits"] |= {"sequences": 4, "trial_sequences": 6, "sources": 60, "min_count": 5}
    params["circuits"] |= {"context": 20, "counted": 20_000, "among": 10}
    params["circuits"]["shown"] = {"block": 5, "repeats": 2, "text": 20, "offsets": 8}
    params["phases"] |= {"min_checkpoints": 4}
    params["report"] |= {"position_bins": 8}
    return params


class Project:
    """A copy of this project, with its own git, its own DVC cache and small params."""

    def __init__(self, folder: Path):
        self.folder = folder
        dvc = (".dvc/config", ".dvc/plots", ".dvc/.gitignore", ".dvcignore")
        for name in ("stages", "induction", "params.yaml", "constraints.txt", *dvc, ".gitignore"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            ignore = shutil.ignore_patterns("__pycache__")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, ignore=ignore)
            else:
                shutil.copy(ROOT / name, target)
        self.run("git", "init", "-q", check=True)
        self.edit(small)

    def copy(self, folder: Path) -> "Project":
        """The same, data, DVC's cache and all, in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, symlinks=True)
        return Project.at(folder)

    @staticmethod
    def at(folder: Path) -> "Project":
        """The one that lies in a folder already."""
        created = object.__new__(Project)
        created.folder = folder
        return created

    def params(self) -> dict:
        return json.loads(json.dumps(yaml.safe_load((self.folder / "params.yaml").read_text())))

    def edit(self, change) -> None:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(change(self.params())))

    def append(self, path: str, text: str) -> None:
        with open(self.folder / path, "a", encoding="utf-8") as file:
            file.write(text)

    @property
    def variables(self) -> dict[str, str]:
        """No file of whoever runs the tests decides about them, and none of theirs is written."""
        home = str(self.folder / "home")
        return {
            "HOME": home,
            **{f"XDG_{name}_HOME": f"{home}/{name.lower()}" for name in XDG},
            "DVC_GLOBAL_CONFIG_DIR": f"{home}/dvc",
            "DVC_SYSTEM_CONFIG_DIR": f"{home}/dvc",
            "GIT_CONFIG_GLOBAL": f"{home}/gitconfig",
            "GIT_CONFIG_NOSYSTEM": "1",
            # Hundreds of processes import torch and DVC: without bytecode, each compiles them anew.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": BYTECODE,
        }

    def run(self, *command: str, variables: dict[str, str] | None = None, **more):
        """Run a command and wait for it; `variables` come on top of those of every command."""
        every = {**self.variables, **(variables or {})}
        more = {"cwd": self.folder, "capture_output": True, "text": True, **more}
        return run(command, every, **more)

    def start(
        self, *command: str, variables: dict[str, str] | None = None, **more
    ) -> subprocess.Popen:
        """Begin a command, in a process group of its own, and do not wait for it."""
        every = {**self.variables, **(variables or {})}
        more = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more}
        # Tests that run in the background of a script inherit that Ctrl-C is ignored.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            return start(command, every, cwd=self.folder, start_new_session=True, **more)
        finally:
            signal.signal(signal.SIGINT, before)

    def repro(self) -> set[str]:
        """`make plan` and `dvc repro`; returns the stages that ran."""
        self.run(*INDUCTION, "plan", check=True)
        done = self.run("dvc", "repro")
        assert done.returncode == 0, done.stdout + done.stderr
        return set(re.findall(r"Running stage '([^']+)'", done.stdout))

    def products(self) -> dict[str, bytes]:
        """Every file the study makes, by its path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for name in ("data", "reports")
            for path in sorted((self.folder / name).rglob("*"))
            if path.is_file()
        }

    @staticmethod
    def committed() -> dict:
        """params.yaml as committed, without shared mappings: each can be changed alone."""
        return json.loads(json.dumps(yaml.safe_load((ROOT / "params.yaml").read_text())))

    def metrics(self) -> dict:
        return json.loads((self.folder / "reports" / "metrics.json").read_text())["cells"]


def english(folder: Path) -> None:
    """A folder of English prose: the docstrings of a package, a file each."""
    corpus = json.loads(json.dumps(yaml.safe_load((ROOT / "params.yaml").read_text())["corpus"]))
    corpus |= {"source": "docstrings", "packages": ["networkx"], "min_characters": 2000}
    documents, _ = sources.read(parse(CorpusSettings, corpus, "corpus"))
    folder.mkdir()
    for i, document in enumerate(documents):
        (folder / f"{i:04d}.txt").write_text(document.text, encoding="utf-8")
    (folder / "broken.txt").write_bytes(b"no \xff text")

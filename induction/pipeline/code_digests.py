"""The code of a stage: the files it consists of, and a digest of what they say.

DVC does not follow imports. A stage that lists too little goes silently stale, one that lists
too much retrains for a comment in a figure. So stage `plan` computes one digest per stage from the
sources alone, and every other stage depends on its own.
"""

import ast
import hashlib
from pathlib import Path

from induction.config.errors import StageError
from induction.pipeline.artifacts import DIGESTS
from induction.pipeline.declarations import writer_of
from induction.pipeline.layout import folder_of

# The packages whose imports are followed; the others are pinned.
PACKAGES = ("stages", "induction")
# The queries and templates of a stage lie in a folder of its name below these.
ASSETS = (Path("induction/sql"), Path("induction/report/templates"))
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def files(stage: str, root: Path = Path()) -> list[Path]:
    """Every source file of a stage, relative to `root`: its imports, its queries, its templates."""
    assets = [
        path.relative_to(root)
        for folder in ASSETS
        for path in sorted((root / folder / stage).glob("*"))
        if path.is_file()
    ]
    return [*closure(f"stages.{stage}", root), *assets]


def digests(paths: list[Path], root: Path = Path()) -> dict[str, str]:
    """sha256 of what each source file says, without its comments and docstrings.

    A comment must not change the bytes of an artifact that carries this digest, or everything
    downstream of it would run again. A file that does not parse counts as it stands.
    """
    return {path.as_posix(): _digest(root / path) for path in paths}


def combine(digests: dict[str, str]) -> str:
    """One digest for all files of a stage, their names included."""
    lines = [f"{name} {digest}\n" for name, digest in sorted(digests.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def planned(stage: str) -> Path:
    """Where stage `plan` writes the digest of a stage."""
    return planned_folder() / stage


def planned_folder() -> Path:
    return folder_of(writer_of(DIGESTS).name, "")


def check_planned(stage: str, digest: str) -> None:
    """Raise StageError unless the code of a stage is what stage `plan` saw.

    DVC compares a stage with what `plan` saw, and would credit that with the output of other code.
    """
    path = planned(stage)
    if not path.exists():
        raise StageError(f"{path}: not found; make it with `dvc repro plan`, or run `make study`")
    if path.read_text(encoding="utf-8").strip() != digest:
        raise StageError(
            f"{path}: the code of this stage changed since stage plan ran; run `dvc repro plan`, "
            "or `make study`, which begins with it"
        )


def _digest(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        text = _bare(text)
    elif path.suffix == ".sql":
        text = "\n".join(line for line in text.split("\n") if not line.startswith("--"))
    return hashlib.sha256(text.encode()).hexdigest()


def _bare(source: str) -> str:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def closure(module: str, root: Path = Path()) -> list[Path]:
    """Source files of `module` and of everything of `PACKAGES` that it imports.

    Imports inside functions count: they run when the function does. Nothing is executed.
    """
    paths: dict[str, Path] = {}
    queue = [module]
    while queue:
        name = queue.pop()
        path = _file(name, root) if name.split(".")[0] in PACKAGES else None
        if name in paths or path is None:
            continue
        paths[name] = path
        # Importing a.b.c runs a/__init__.py and a/b/__init__.py first, where they exist.
        queue += [name.rsplit(".", i)[0] for i in range(1, name.count(".") + 1)]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                queue += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                if node.level:
                    raise ValueError(f"{path}:{node.lineno}: write imports in full")
                queue += [str(node.module)]
                # `from a.b import c`: c may be a module, and only the file system knows.
                queue += [f"{node.module}.{alias.name}" for alias in node.names]
    return sorted(path.relative_to(root) for path in paths.values())


def _file(name: str, root: Path) -> Path | None:
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None

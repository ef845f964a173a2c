"""Which files of this project a module can import: its code dependencies.

DVC does not follow imports. A stage that lists too little goes silently stale, one that lists
too much retrains for a comment in a figure. So the lists are computed, from the source alone.
"""

import ast
from pathlib import Path


def closure(module: str, root: Path = Path()) -> list[Path]:
    """Source files of `module` and of everything of its top-level package that it imports.

    Imports inside functions count: they run when the function does. Nothing is executed.
    """
    package = module.split(".")[0]
    found: dict[str, Path] = {}
    queue = [module]
    while queue:
        name = queue.pop()
        path = _file(name, root)
        if name in found or path is None:
            continue
        found[name] = path
        # Importing a.b.c runs a/__init__.py and a/b/__init__.py first, where they exist.
        queue += [name.rsplit(".", i)[0] for i in range(1, name.count(".") + 1)]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                queue += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                if node.level:
                    raise ValueError(f"{path}:{node.lineno}: write imports in full, from {package}")
                queue += [str(node.module)]
                # `from a.b import c`: c may be a module, and only the file system knows.
                queue += [f"{node.module}.{alias.name}" for alias in node.names]
    return sorted(path.relative_to(root) for path in found.values())


def _file(name: str, root: Path) -> Path | None:
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None

"""Which cells are seen together, and which of them in detail."""

from collections import Counter

from induction.config.cells import AS_ALL, Cell
from induction.config.train import TrainChanges


def panels(grid: dict[str, Cell]) -> list[dict]:
    """A row per cell of the grid, which is sorted by name: where figures and tables show it.

    Cells that differ in nothing but the seed share a `panel`; `place` is the panel's order, those
    that change neither text nor training first. `is_first` is the lowest seed of a panel: the one
    that stands for it where every head has a line. `is_detailed` are those among the first that
    change nothing (or, if all do, all of them): the others would fill pages with tables and maps.
    `is_periodic` are those trained on repeats of random tokens, which are no language.
    """
    groups: dict[tuple, list[str]] = {}
    for name, cell in grid.items():
        groups.setdefault((cell.name, cell.corpus, cell.train), []).append(name)
    plain = [key for key in groups if _is_plain(*key[1:])]
    ordered = [*plain, *(key for key in groups if key not in plain)]
    detailed = plain or ordered
    members = {key: sorted(groups[key], key=lambda name: grid[name].seed) for key in ordered}
    short = {key: _short(names, grid) for key, names in members.items()}
    taken = Counter(short.values())
    return [
        {
            "cell": name,
            "panel": short[key] if taken[short[key]] == 1 else " ".join(names),
            "place": place,
            "seed": max(grid[name].seed, 0),  # a suite has none
            "corpus": grid[name].corpus,
            "is_first": name == names[0],
            "is_detailed": name == names[0] and key in detailed,
            "is_periodic": grid[name].train.text == "periodic",
        }
        for place, (key, names) in enumerate(members.items())
        for name in names
    ]


def _is_plain(corpus: str, train: TrainChanges) -> bool:
    return corpus == "" and train == AS_ALL


def _short(names: list[str], grid: dict[str, Cell]) -> str:
    """`attn2` for attn2_s0 and attn2_s1; the name of a cell that is alone; else all the names."""
    stems = {name.removesuffix(f"_s{grid[name].seed}") for name in names}
    return names[0] if len(names) == 1 else stems.pop() if len(stems) == 1 else " ".join(names)

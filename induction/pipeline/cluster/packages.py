"""The Python and the packages of a machine, which decide about the bits of what it computes."""

import platform
from importlib import metadata


def installed() -> list[str]:
    """Python and every package, as `name==version`, sorted.

    Python's patch level and builds (`+cpu`) are left out, as in provenance: they change no bits.
    """
    python = f"python=={'.'.join(platform.python_version_tuple()[:2])}"
    versions: dict[str, str] = {}
    for each in metadata.distributions():  # of two of a name, the first is the one that is imported
        versions.setdefault(each.name.lower().replace("_", "-"), each.version.split("+")[0])
    return [python, *(f"{name}=={version}" for name, version in sorted(versions.items()))]


def differences(wanted: list[str], here: list[str]) -> list[str]:
    """What is missing here or has another version, one line each; what is here on top, as a GPU's
    packages are, makes no difference."""
    versions = dict(each.split("==", 1) for each in here)
    lines = []
    for name, version in (each.split("==", 1) for each in wanted):
        there = versions.get(name, "nothing")
        if there != version:
            lines.append(f"{name}: found {there}, expected {version}")
    return lines

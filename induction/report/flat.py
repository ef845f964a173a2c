"""Nested params as lines: a dotted key and a value each."""

import json


def flattened(params: dict, prefix: str = "") -> dict[str, str]:
    """Every value by its dotted key, as JSON; a list is one value."""
    found = {}
    for name, value in params.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            found |= flattened(value, f"{key}.")
        else:
            found[key] = json.dumps(value, ensure_ascii=False)
    return found

"""Nested params as lines: a dotted key and a value each."""

import json


def flatten(params: dict, prefix: str = "") -> dict[str, str]:
    """Every value by its dotted key, as JSON; a list is one value."""
    lines = {}
    for name, value in params.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            lines |= flatten(value, f"{key}.")
        else:
            lines[key] = json.dumps(value, ensure_ascii=False)
    return lines

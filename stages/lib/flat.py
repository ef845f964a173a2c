"""Nested params as lines: a dotted key and a value each."""

import json
from typing import Any


def flat(values: Any, key: str = "") -> dict[str, str]:
    """`{"a": {"b": [1, 2]}}` becomes `{"a.b": "[1, 2]"}`: mappings are followed, lists are not."""
    if isinstance(values, dict) and values:
        found = {}
        for name, own in values.items():
            found |= flat(own, f"{key}.{name}" if key else str(name))
        return found
    text = values if isinstance(values, str) else json.dumps(values, ensure_ascii=False)
    return {key: text}

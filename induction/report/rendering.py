"""Templates -> text; scripts and data inside a page."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import jinja2

from induction.report import formatting

TEMPLATES = Path(__file__).parent / "templates"
# The style of the pages: what is later wins.
STYLES = ("base", "answer", "charts", "models", "tokens", "claims", "phone", "print")
# The scripts of every page, then those of each: what is used comes first.
SHARED = ("common", "joined", "unpack")
SCRIPTS = {
    "index": ("data", "steps", "downloads", "heads", "tokens", "choose", "claims", "nav"),
    "circuits": ("circuits",),
}
# Tests wait for it.
READY = 'document.documentElement.classList.add("ready");\n'


def render(template: str, context: dict[str, Any]) -> str:
    """A template of the folder, by its path in it without `.j2`; HTML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (
        formatting.fixed, formatting.millions, formatting.significant, formatting.duration,
        formatting.escape_pipes, packed,
    )  # fmt: skip
    environment.filters |= {function.__name__: function for function in filters}
    environment.globals["between"] = formatting.between
    return environment.get_template(f"{template}.j2").render(context)


def asset(name: str) -> str:
    return (TEMPLATES / "report" / name).read_text(encoding="utf-8")


def style() -> str:
    """The style sheet of the pages."""
    return "".join(asset(f"{name}.css") for name in STYLES)


def packed(text: str) -> str:
    """Text that only scripts read, deflated: most of a page, in a fifth of the bytes."""
    return encode(zlib.compress(text.encode(), 9))


def encode(content: str | bytes) -> str:
    """Base64, as a data URI and the scripts of the pages have it."""
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def inline_script(name: str, data: Any) -> dict[str, str]:
    """The script of a page, its hash and its data, as the template wants them."""
    parts = "".join(asset(f"{part}.js") for part in (*SHARED, *SCRIPTS[name]))
    script = f'"use strict";\n(async () => {{\n{parts}{READY}}})();\n'
    spelled = json.dumps(data, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return {"data": spelled, "script": script, "script_hash": content_hash(script)}


def content_hash(text: str) -> str:
    """The name of an inline script or style in a content-security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

"""A browser, and reports to open in it."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from induction.config.paths import REPORTS
from induction.pipeline import code_digests
from tests.project import ROOT

if TYPE_CHECKING:
    from playwright import sync_api
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def browser() -> Iterator["sync_api.Browser"]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip("no Chromium: install one (Debian: package chromium), or name it in CHROMIUM")
    playwright_api = pytest.importorskip("playwright.sync_api")
    with playwright_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def strange(tmp_path_factory) -> Path:
    """Of a study whose files, tokens and claims spell markup, and characters that hide."""
    from tests.browser import render

    return render(tmp_path_factory.mktemp("strange"))


@pytest.fixture(scope="module")
def default_study() -> Path:
    """The report of the default study, if it is here and today's code made it."""
    folder = ROOT / REPORTS
    if not (folder / "index.html").exists():
        pytest.skip("reports/index.html is not there: `make study` or `dvc pull` first")
    maker = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["report"]
    code = code_digests.digests(code_digests.files("report", ROOT), ROOT)
    if maker["code"] != code_digests.combine(code):
        pytest.skip("other code made reports/index.html: `make study` first")
    return folder


@pytest.fixture(params=["made up", "default study"])
def folder(request, strange) -> Path:
    if request.param == "made up":
        return strange
    return request.getfixturevalue("default_study")

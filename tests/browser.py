"""A page in a browser, opened from disk with the network off."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from induction.config.paths import REPORTS
from induction.pipeline.job import Job
from stages import report
from tests.madeup import study

if TYPE_CHECKING:
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api")
WIDTHS = (1280, 390)


class Reader:
    """A page and all that it did: errors, dialogs, requests beyond its own file."""

    def __init__(self, browser: sync_api.Browser, file: Path, width: int = 1280, **options):
        size = sync_api.ViewportSize(width=width, height=900)
        context = browser.new_context(viewport=size, offline=True, **options)
        self.page, self.complaints = context.new_page(), []
        self.uri = file.resolve().as_uri()
        say = self.complaints.append
        self.page.on("console", lambda message: say(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: say(f"error: {error}"))
        self.page.on("dialog", self.dismiss)
        self.page.on("request", self.note_request)
        self.page.goto(self.uri)
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector("html.ready", state="attached")

    def dismiss(self, dialog: sync_api.Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note_request(self, request: sync_api.Request) -> None:
        if not request.url.startswith(("data:", self.uri, "blob:")):
            self.complaints.append(request.url)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def line(self) -> float:
        """How far through training the line stands."""
        return float(self.page.evaluate("document.body.style.getPropertyValue('--at')"))

    def download(self, selector: str) -> str:
        with self.page.expect_download() as begun:
            self.page.locator(selector).first.click()
        return Path(begun.value.path()).read_text(encoding="utf-8")


def render(folder: Path, **asked) -> Path:
    """The report of a made-up study."""
    project = study(folder, **asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        report.main(Job("report"))
    return project.folder / REPORTS


def beside_the_window(reader: Reader, selector: str) -> list[str]:
    """What is seen only by scrolling sideways, of all that is shown."""
    return reader.page.evaluate(
        "(selector) => [...document.querySelectorAll(selector)].filter((element) => {"
        "const box = element.getBoundingClientRect();"
        "return box.width && (box.left < -1 || box.right > innerWidth + 1);"
        "}).map((element) => element.outerHTML.slice(0, 120))",
        selector,
    )

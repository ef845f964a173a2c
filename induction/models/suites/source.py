"""Where the checkpoints of a suite come from."""

from pathlib import Path

from induction.config.suites import Suite
from induction.models.suites.local import LocalSource
from induction.models.suites.revision import SuiteSource


def source_of(name: str, suite: Suite, lock: Path, scratch: Path) -> SuiteSource:
    """The checkpoints of the suite `name`.

    `lock` is the file that records which commits the names of revisions of a hub stood for when
    they were first asked. Downloads lie below `scratch`, which suites may share.
    """
    if suite.source != "hub":
        return LocalSource(name, suite, lock, scratch)
    # The client of the hub takes a second to import.
    from induction.models.suites.hub_source import HubSource

    return HubSource(name, suite, lock, scratch)

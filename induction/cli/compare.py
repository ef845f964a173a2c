"""What changed from A to B: params, every measure of every cell, claims, each with its interval.

A and B are each a Git revision (a branch, a tag, HEAD~1, a hash), the name of a DVC experiment,
`workspace` (the files as they lie here) or a folder that holds a report. Prints a table, and
writes a page.
"""

import argparse
import sys
from pathlib import Path

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.report.compare import page
from induction.report.compare.comparison import compare
from induction.report.revisions import WORKSPACE, read

SAME = "the reports and the params are the same, byte for byte"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="induction compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", help="a revision, an experiment, workspace or a folder")
    parser.add_argument("b", nargs="?", default=WORKSPACE, help=f"likewise; else {WORKSPACE}")
    parser.add_argument("--grid", default="", choices=("", PUBLISHED), help="of both, that report")
    parser.add_argument("--out", type=Path, help=f"the page; else a file in {page.PAGES}/")
    parser.add_argument("--format", default="markdown", choices=("markdown", "json"))
    options = parser.parse_args()
    try:
        comparison = compare(read(options.a, options.grid), read(options.b, options.grid))
        path = options.out or page.path_of(options.a, options.b, options.grid)
        path = None if comparison.is_same else path
        if path is not None:
            page.publish(path, page.html(comparison))
    except StageError as error:
        sys.exit(f"error: {error}")
    a, b = comparison.a, comparison.b
    if options.format == "json":
        print(page.as_json(comparison, path))
    elif path is None:
        print(f"{a.name} ({a.what}), {b.name} ({b.what}): {SAME}")
    else:
        print(f"{page.markdown(comparison)}\npage: {path}")


if __name__ == "__main__":
    main()

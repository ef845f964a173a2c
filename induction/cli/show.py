"""The study in a short table: each cell's result, and how long each stage took when last run."""

import argparse
import json
import sys

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.report import results


def main() -> None:
    parser = argparse.ArgumentParser(prog="induction show", description=__doc__)
    parser.add_argument("--grid", default="", help=f"{PUBLISHED!r}: the published run")
    parser.add_argument("--times", action="store_true", help="only the seconds, as JSON")
    options = parser.parse_args()
    if options.times:
        print(json.dumps(results.seconds(results.TIMES), indent=2))
        return
    try:
        print(results.overview(options.grid))
    except StageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

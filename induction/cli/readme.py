"""Write the numbers of README.md from the published report."""

import argparse
import sys

from induction.config.errors import StageError
from induction.config.params import Params
from induction.config.strict import ParamsError
from induction.pipeline.settings import study_of
from induction.report import readme
from induction.report.blocks import update


def main() -> None:
    parser = argparse.ArgumentParser(prog="induction readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check = parser.parse_args().check
    try:
        update(readme.README, readme.updated(study_of(Params().all())), check, "make readme")
    except (ParamsError, StageError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

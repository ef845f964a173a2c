"""Write the answers of docs/questions.md from the tables of the study."""

import argparse
import sys

from induction.config.errors import StageError
from induction.config.strict import ParamsError
from induction.pipeline.views import open_views
from induction.report import questions
from induction.report.blocks import update


def main() -> None:
    parser = argparse.ArgumentParser(prog="induction questions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check = parser.parse_args().check
    try:
        update(questions.QUESTIONS, questions.updated(open_views()), check, "make questions")
    except (ParamsError, StageError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

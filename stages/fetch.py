"""Fetch and check the checkpoints of a suite, and measure each while it is here"""

from induction.tables.corpus import EVAL, EVAL_SEQUENCES, VOCABULARY
from induction.tables.fetch import FETCHED

PER = "suite"
INPUTS = (EVAL, EVAL_SEQUENCES, VOCABULARY)
OUTPUTS = (FETCHED,)
PARAMS = ()

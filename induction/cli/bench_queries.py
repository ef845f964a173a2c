"""How long each query of the report takes over a losses table of 10⁸ rows, and others that read it."""

import os
import platform
import time
from collections.abc import Callable
from statistics import median

import duckdb
import pyarrow as pa

from induction.claims import statistics
from induction.claims.statistics import Resampling, describe, gather
from induction.config.claims import ClaimSettings
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.train import TrainSettings
from induction.pipeline import layout
from induction.pipeline.declarations import stages
from induction.pipeline.enlarged import enlarge
from induction.pipeline.progress import progress
from induction.pipeline.views import Views
from induction.report import queries
from induction.report.query_times import QueryTime, QueryTimes, save
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables.contract import Table
from induction.tables.corpus import EVAL_SEQUENCES
from induction.tables.duck import connect, query
from induction.tables.losses import LOSSES

ROWS = 10**8
RUNS = 3
# Those whose tables have rows for every checkpoint.
GROWING = ("losses", "icl", "heads", "ablations")
READERS = ("report", "claims", "phases")

"""Who runs the stages of cells, and how it ends."""

import signal
import subprocess
import sys

import pytest

from induction.pipeline.environment import start
from tests.project import ROOT

# A stage that takes its time to end, and whoever runs it.
STAGE = """
import signal, sys, time
def end(*_):
    time.sleep(1); open(sys.argv[1], "w").close(); sys.exit(130)
signal.signal(signal.SIGTERM, end)
print("at work", flush=True); time.sleep(60)
"""
STUDY = """
import sys
from induction.pipeline.engines import local
local.handle_termination()
between = '"$0" -c "$1" "$2" & wait'  # as DVC does, this ends at once, and its child goes on
local.call(["sh", "-c", between, sys.executable, *sys.argv[1:]])
"""


@pytest.mark.slow
def test_a_study_that_is_told_to_stop_ends_after_its_stages(tmp_path):
    command = [sys.executable, "-c", STUDY, STAGE, str(tmp_path / "kept")]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with start(command, cwd=ROOT, **piped) as study:
        assert study.stdout and study.stderr
        assert study.stdout.readline() == "at work\n"
        study.send_signal(signal.SIGTERM)
        study.wait(30)
        assert (tmp_path / "kept").exists()
        assert "KeyboardInterrupt" in study.stderr.read()

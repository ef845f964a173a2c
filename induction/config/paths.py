"""The folders of the project, relative to its root."""

from pathlib import Path

DATA = Path("data")
REPORTS = Path("reports")
SCRATCH = Path(".scratch")
TRAINING_STATES = SCRATCH / "train"
TORCH = SCRATCH / "torch"  # for what torch compiles, which is nothing; it makes the folder
HUB = SCRATCH / "hub"  # what the libraries of the Hugging Face hub keep

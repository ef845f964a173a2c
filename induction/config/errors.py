"""The errors that a user can act on."""


class StageError(Exception):
    """A failure the user can act on: its text names the file, what is wrong, and the remedy."""

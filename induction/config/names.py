"""What a name in params.yaml may be where it becomes a file, a DVC stage and a key."""

import re

# No flags: with re.IGNORECASE the Kelvin sign would pass for a k.
SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")
EXPECTED = "a name of a-z, 0-9 and _, starting with a letter, at most 40 characters"

# The cells of `cells` and `published` together: the name of that grid, of the folder of its
# dvc.yaml, and of its report's; taken, therefore.
PUBLISHED = "published"

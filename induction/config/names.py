"""What a name in params.yaml may be, because it becomes a file, a DVC stage and a key."""

import re

# No flags: with re.IGNORECASE the Kelvin sign would pass for a k.
SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")
A_SLUG = "a name of a-z, 0-9 and _, starting with a letter, at most 40 characters"

# The grid of the cells of this section: also the folder of its dvc.yaml and of its report. No cell
# or corpus may have this name.
PUBLISHED = "published"
# The folder of the dvc.yaml of suites, of foreign checkpoints.
SUITES = "suites"
# The section that says how long the cells of the published run are trained.
PUBLISHED_TRAIN = "published_train"

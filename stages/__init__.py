"""In-context learning and induction heads (Olsson et al. 2022) as a pipeline of stages.

`stages/<name>.py` reads, computes and writes one stage of `dvc.yaml`; `stages.settings` holds the
meaning of `params.yaml`, `stages.files` all reading and writing, `stages.lib` the arithmetic.
"""

import time

# Before any other module is imported: code that is younger than this may not be what runs.
STARTED = time.time()

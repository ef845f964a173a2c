"""In-context learning and induction heads (Olsson et al. 2022): the library behind `stages/`.

Rooms, from the top; each imports from itself and from those below it, never from above:

    cli        one command, `induction <verb>`
    report     queries, figures, words and templates of the report; comparisons of two reports
    pipeline   all that knows DVC: plan, jobs, code digests, locks, verification
    claims     the paper's claims, their rules and verdicts
    stats      bootstrap, change points, signals, PCA
    interp     losses, head scores, ablation, interventions, circuits
    models     the transformer, its training, its checkpoints, the bridge to TransformerLens
    text       sources, tokenizer, evaluation windows, token stream
    tables     contracts of tables, reading and writing them
    config     params.yaml as typed settings
"""

import sys
import time

# Before any other module is imported: code that is younger than this may not be what runs.
STARTED = time.time()

if sys.flags.optimize > 1:
    sys.exit(
        "error: Python runs without docstrings (-OO, or PYTHONOPTIMIZE=2), which Altair cannot do "
        "without; unset PYTHONOPTIMIZE"
    )

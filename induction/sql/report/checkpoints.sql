-- Grain: cell, step. Where the checkpoints of a suite came from; none of models of ours.
select step, tokens::bigint as tokens, "commit", sha256, dtype, licence
from checkpoints
order by step

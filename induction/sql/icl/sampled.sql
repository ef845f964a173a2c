-- Grain: step, seq. The loss vectors of PCA: one fixed position of every sequence.
select losses.step, losses.seq, losses.loss
from losses
join eval_sequences
    on eval_sequences.seq = losses.seq
    and eval_sequences.sampled_pos = losses.pos
order by losses.step, losses.seq

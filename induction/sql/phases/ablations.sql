-- Grain: step, layer, head, seq. What removing a head does to the loss vector of its checkpoint.
with

whole as (
    select
        step, seq,
        sampled::double as whole
    from ablations
    where mode = 'none'
),

removed as (
    select
        step, layer, head, seq,
        sampled::double as sampled
    from ablations
    where replacement = 'zero' and mode = $mode
)

select
    step, layer, head, seq, whole,
    sampled - whole as change
from removed
join whole using (step, seq)
order by step, layer, head, seq

-- Grain: cell, intervention, draw. The share of ICL that goes with each intervention at its last
-- checkpoint, 1 - ICL / ICL of the whole model, with a bootstrap interval over sequences
-- (edit_draws: draw, seq, weight; none for the draws of random sets). Not defined where ICL does not
-- change over training: there is next to none to share out. Reads cells.
with

changing as (
    select cell from phases where signal = 'icl' and estimator = 'levels' and is_defined
),

last_interventions as (
    from last_rows('interventions')
),

paired as (
    select
        edited.cell, edited.intervention, edited.draw, edited.seq,
        edited.late - edited.early as icl,
        whole.late - whole.early as icl_whole,
        edited.mean - whole.mean as delta_loss
    from last_interventions as edited
    join last_interventions as whole
        on whole.cell = edited.cell
        and whole.seq = edited.seq
        and whole.intervention = 'none'
    where edited.intervention <> 'none' and edited.cell in (from changing)
),

points as (
    select
        cell, intervention, draw,
        1 - sum(icl) / nullif(sum(icl_whole), 0) as share,
        avg(delta_loss) as delta_loss
    from paired
    group by cell, intervention, draw
),

resampled as (
    select
        cell, intervention, paired.draw,
        1 - sum(weight * icl) / nullif(sum(weight * icl_whole), 0) as share
    from paired
    join edit_draws using (seq)
    where not starts_with(intervention, 'random_')
    group by cell, intervention, paired.draw, edit_draws.draw
),

intervals as (
    select
        cell, intervention, draw,
        quantile_cont(share, $low) as share_low,
        quantile_cont(share, $high) as share_high
    from resampled
    group by cell, intervention, draw
)

select
    cell, panel, seed, is_detailed, intervention,
    coalesce(draw, 0) as draw,
    n_heads, heads, share, share_low, share_high, delta_loss, case
        when not is_defined then reason
        when cell not in (from changing) then 'ICL does not change: next to none to share out'
        else ''
    end as reason
from last_rows('intervention_heads')
join cells using (cell)
left join points using (cell, intervention)
left join intervals using (cell, intervention, draw)
where intervention <> 'none'
order by place, seed, intervention, draw

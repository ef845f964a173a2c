-- Grain: cell, intervention, draw. The share of ICL that goes with each intervention at its last
-- checkpoint, 1 - ICL / ICL of the whole model, with a bootstrap interval over sequences
-- (edit_draws: draw, seq, weight; none for the draws of random sets). Not defined where ICL does not
-- change over training: there is next to none to share out. Reads cells.
with

changing as (
    select cell from phases where signal = 'icl' and estimator = 'levels' and is_defined
),

paired as (
    select
        edited.cell, edited.intervention, edited.draw, edited.seq,
        edited.late - edited.late_short as part,
        whole.late - whole.late_short as whole,
        edited.mean - whole.mean as delta_loss
    from last_rows('interventions') as edited
    join last_rows('interventions') as whole using (cell, seq)
    where
        whole.intervention = 'none' and edited.intervention <> 'none' and cell in (from changing)
),

points as (
    select
        cell, intervention, draw,
        1 - sum(part) / nullif(sum(whole), 0) as share,
        avg(delta_loss) as delta_loss
    from paired
    group by all
),

resampled as (
    select * exclude (delta_loss)
    from paired
    where not starts_with(intervention, 'random_')
)

select
    cell, panel, seed, is_detailed, intervention,
    coalesce(draw, 0) as draw,
    n_heads, heads, points.share,
    1 - share_high as share_low,
    1 - share_low as share_high,
    delta_loss, case
        when not is_defined then reason
        when cell not in (from changing) then 'ICL does not change: next to none to share out'
        else ''
    end as reason
from last_rows('intervention_heads')
join cells using (cell)
left join points using (cell, intervention)
left join intervals('resampled', 'edit_draws', $low, $high) using (cell, intervention, draw)
where intervention <> 'none'
order by place, seed, intervention, draw

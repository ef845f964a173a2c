-- Grain: cell, intervention, draw. The share of ICL that goes with each intervention at its last
-- checkpoint, 1 - ICL / ICL of the whole model (icl), with a bootstrap interval over sequences
-- (edit_draws: draw, seq, weight; none for the draws of random sets). Not defined where ICL, here
-- turned to be a gain, is not clearly above zero. Reads cells.
with

paired as (
    select
        edited.cell, edited.intervention, edited.draw, edited.seq,
        edited.late_short - edited.late as part,
        whole.late_short - whole.late as whole,
        edited.mean - whole.mean as delta_loss
    from last_rows('interventions') as edited
    join last_rows('interventions') as whole using (cell, seq)
    where whole.intervention = 'none'
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
),

wholes as (
    select cell, avg(whole) as whole from paired where intervention = 'none' group by cell
),

drawn as (
    from intervals('resampled', 'edit_draws', $low, $high)
),

unresolved as (
    select cell, not_resolvable(whole, whole_low, whole_high, $resolvable) as unresolved
    from wholes
    join (from drawn where intervention = 'none') using (cell)
)

select
    cell, panel, seed, is_detailed, intervention,
    coalesce(draw, 0) as draw,
    n_heads, heads,
    if(unresolved = '', points.share, null) as share,
    if(unresolved = '', 1 - share_high, null) as share_low,
    if(unresolved = '', 1 - share_low, null) as share_high,
    wholes.whole as icl,
    delta_loss,
    if(is_defined, unresolved, reason) as reason
from last_rows('intervention_heads')
join cells using (cell)
join unresolved using (cell)
join wholes using (cell)
left join points using (cell, intervention)
left join drawn using (cell, intervention, draw)
where intervention <> 'none'
order by place, seed, intervention, draw

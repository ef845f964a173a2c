-- Grain: cell, step, path, run, replacement. ICL [nats] with the circuit of the last checkpoint cut
-- or kept alone, of the direct path, and of the whole model, with bootstrap intervals over sequences
-- (circuit_draws: draw, seq, weight). `share` is what is preserved (kept) or removed (cut) of the
-- whole model's ICL, where that is clearly below zero. Reads cells.
with

every as (
    select cell, step, path, run, replacement, seq, late - late_short as part
    from paths
),

paired as (
    select every.*, whole.part as whole
    from every
    join every as whole using (cell, step, seq)
    where whole.path = 'whole'
),

points as (
    select
        * exclude (seq, part, whole),
        avg(part) as icl,
        avg(whole) as whole,
        sum(part) / nullif(sum(whole), 0) as share
    from paired
    group by all
)

select
    cell, panel, seed, is_first, is_detailed, step,
    step * $tokens_per_step as tokens,
    path, run, replacement, icl,
    part_low as icl_low,
    part_high as icl_high,
    not_resolvable(-points.whole, -whole_high, -whole_low, $resolvable) = '' as is_resolvable,
    case when is_resolvable then if(run = 'cut', 1 - share, share) end as share,
    case when is_resolvable then if(run = 'cut', 1 - share_high, share_low) end as share_low,
    case when is_resolvable then if(run = 'cut', 1 - share_low, share_high) end as share_high,
    step = max(step) over (partition by cell) as is_last,
    -- Means where there are any, else zeros.
    replacement in ('none', (select min(replacement) from paths where replacement <> 'none'))
        as is_shown
from points
join intervals('paired', 'circuit_draws', $low, $high) using (cell, step, path, run, replacement)
join cells using (cell)
order by place, seed, step, path, run, replacement

-- Grain: cell, step, path, run, replacement. ICL [nats] with the circuit of the last checkpoint cut
-- or kept alone, of the direct path, and of the whole model, with bootstrap intervals over sequences
-- (circuit_draws: draw, seq, weight). `share` is what is preserved (kept) or removed (cut) of the
-- whole model's ICL, where that has an interval below zero. Reads cells.
with

every as (
    select cell, step, path, run, replacement, seq, paths.late - paths.early as icl
    from paths
),

paired as (
    select every.*, whole.icl as icl_whole
    from every
    join every as whole using (cell, step, seq)
    where whole.path = 'whole'
),

points as (
    select
        cell, step, path, run, replacement,
        avg(icl) as icl,
        sum(icl) / nullif(sum(icl_whole), 0) as left_over
    from paired
    group by all
),

resampled as (
    select
        cell, step, path, run, replacement, draw,
        sum(weight * icl) / sum(weight) as icl,
        sum(weight * icl_whole) / sum(weight) as icl_whole,
        sum(weight * icl) / nullif(sum(weight * icl_whole), 0) as left_over
    from paired
    join circuit_draws using (seq)
    group by all
),

intervals as (
    select
        cell, step, path, run, replacement,
        quantile_cont(icl, $low) as icl_low,
        quantile_cont(icl, $high) as icl_high,
        quantile_cont(left_over, $low) as left_low,
        quantile_cont(left_over, $high) as left_high,
        quantile_cont(icl_whole, $high) < 0 as is_shared
    from resampled
    group by all
)

select
    cell, panel, seed, is_first, is_detailed, step,
    step * $tokens_per_step as tokens,
    path, run, replacement, icl, icl_low, icl_high, case
        when not is_shared then null
        when run = 'cut' then 1 - left_over
        else left_over
    end as share,
    case
        when not is_shared then null
        when run = 'cut' then 1 - left_high
        else left_low
    end as share_low,
    case
        when not is_shared then null
        when run = 'cut' then 1 - left_low
        else left_high
    end as share_high,
    step = max(step) over (partition by cell) as is_last,
    -- Means where there are any, else zeros.
    replacement in ('none', (select min(replacement) from paths where replacement <> 'none'))
        as is_shown
from points
join intervals using (cell, step, path, run, replacement)
join cells using (cell)
order by place, seed, step, path, run, replacement

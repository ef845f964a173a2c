-- Grain: cell. The phase window of each cell, by a rule fixed in params.yaml (report.phase).
--
-- The paper selects its window "based on the derivative of the in-context score" and gives no
-- rule. Ours: smooth ICL over neighbouring checkpoints, take its fall per token, and let the
-- window be the run of checkpoints around the steepest fall in which ICL falls faster than
-- peak_share of it. It is a phase change if ICL falls by at least min_drop inside the window and
-- the last ICL, with its whole interval, lies below -min_final.
with

ordered as (
    select
        cell,
        step,
        step * $tokens_per_step as tokens,
        icl,
        icl_high,
        row_number() over (partition by cell order by step) as i
    from icl
),

smoothed as (
    select
        here.cell,
        here.i,
        any_value(here.tokens) as tokens,
        avg(near.icl) as icl
    from ordered as here
    join ordered as near
        on near.cell = here.cell
        and near.i between here.i - $smoothing and here.i + $smoothing
    group by here.cell, here.i
),

falls as (
    select
        cell,
        i,
        tokens,
        icl,
        -(coalesce(lead(icl) over w, icl) - coalesce(lag(icl) over w, icl))
            / (coalesce(lead(tokens) over w, tokens) - coalesce(lag(tokens) over w, tokens))
            as fall
    from smoothed
    window w as (partition by cell order by i)
),

peaks as (
    select
        cell,
        arg_max(i, fall) as peak_i,
        max(fall) as peak_fall,
        max(i) as last_i
    from falls
    group by cell
),

edges as (
    select
        peaks.cell,
        peak_i,
        coalesce(max(falls.i) filter (falls.i < peak_i), 0) + 1 as start_i,
        coalesce(min(falls.i) filter (falls.i > peak_i), last_i + 1) - 1 as end_i
    from peaks
    left join falls
        on falls.cell = peaks.cell
        and falls.fall <= $peak_share * peak_fall
    group by peaks.cell, peak_i, last_i
),

finals as (
    select
        cell,
        arg_max(icl, step) as icl_final,
        arg_max(icl_high, step) as icl_final_high
    from ordered
    group by cell
),

windows as (
    select
        edges.cell,
        starts.tokens as start_tokens,
        middles.tokens as middle_tokens,
        ends.tokens as end_tokens,
        starts.icl - ends.icl as icl_drop
    from edges
    join falls as starts on starts.cell = edges.cell and starts.i = start_i
    join falls as middles on middles.cell = edges.cell and middles.i = peak_i
    join falls as ends on ends.cell = edges.cell and ends.i = end_i
)

select
    cell,
    icl_drop >= $min_drop
        and icl_final <= -$min_final
        and icl_final_high < 0 as is_phase_change,
    start_tokens,
    middle_tokens,
    end_tokens,
    icl_drop
from windows
join finals using (cell)
order by cell

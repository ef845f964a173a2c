-- Grain: step. The in-context-learning scores with bootstrap intervals: matched, the loss of late
-- tokens minus that of the same tokens with a short context; late minus early; and at the points of
-- the paper. Reads losses (step, seq, pos), losses_short (the same) and draws (draw, seq, weight):
-- how often each sequence occurs in each bootstrap resample. Sequences are resampled, not tokens:
-- tokens of one text are not independent.
with

short as (
    select step, seq, avg(loss) as late_short from losses_short group by step, seq
),

of_positions as (
    select
        step, seq,
        avg(loss) as loss,
        avg(loss) filter (pos between $early_first and $early_last) as early,
        avg(loss) filter (pos between $late_first and $late_last) as late,
        avg(loss) filter (pos = $late_point)
            - avg(loss) filter (pos = $early_point) as icl_paper
    from losses
    group by step, seq
),

per_sequence as (
    from of_positions join short using (step, seq)
),

resampled as (
    select
        step, draw,
        sum(weight * loss) / sum(weight) as loss,
        sum(weight * (late - late_short)) / sum(weight) as icl_matched,
        sum(weight * (late - early)) / sum(weight) as icl,
        sum(weight * icl_paper) / sum(weight) as icl_paper
    from per_sequence
    join draws using (seq)
    group by step, draw
),

intervals as (
    select
        step,
        quantile_cont(loss, $low) as loss_low,
        quantile_cont(loss, $high) as loss_high,
        quantile_cont(icl_matched, $low) as icl_matched_low,
        quantile_cont(icl_matched, $high) as icl_matched_high,
        quantile_cont(icl, $low) as icl_low,
        quantile_cont(icl, $high) as icl_high,
        quantile_cont(icl_paper, $low) as icl_paper_low,
        quantile_cont(icl_paper, $high) as icl_paper_high
    from resampled
    group by step
),

points as (
    select
        step,
        avg(loss) as loss,
        avg(early) as early,
        avg(late) as late,
        avg(late_short) as late_short,
        avg(late - late_short) as icl_matched,
        avg(late - early) as icl,
        avg(icl_paper) as icl_paper
    from per_sequence
    group by step
)

select
    step,
    loss, loss_low, loss_high,
    early, late, late_short,
    icl_matched, icl_matched_low, icl_matched_high,
    icl, icl_low, icl_high,
    icl_paper, icl_paper_low, icl_paper_high
from points
join intervals using (step)
order by step

-- Grain: claim, cell, draw. By how much paths turn in the plane of the first two joint components:
-- the angle between the way from half the window's start to its start, and that to its end.
-- One-layer models are asked at the windows of the deeper models of their seed. Draws keep the
-- plane, and weight the sequences whose losses make a checkpoint's place in it.
-- Reads deeper, one_layer, pca, icl_sampled.
with

windows as (
    select 'pca_right_angle' as claim, cell, seed, cell as window_of, start_step, end_step
    from deeper
    where is_phase_change
    union all
    select
        'pca_one_layer_straight', one_layer.cell, seed,
        deeper.cell, deeper.start_step, deeper.end_step
    from one_layer
    join deeper using (seed)
    where deeper.is_phase_change
),

-- Of two checkpoints as near to half the start, the earlier one.
asked as (
    select
        claim, cell, seed, window_of, start_step, end_step,
        arg_min(step, (abs(step - start_step / 2), step)) as early_step
    from windows
    join (select distinct cell, step from pca) using (cell)
    group by all
),

-- Scores are losses times loadings, and losses times scores the loadings: rows are centred.
loadings as (
    select component, seq, sum(score * loss) / sum(score * score) as loading
    from pca
    join icl_sampled using (cell, step)
    where component <= 2
    group by component, seq
),

-- By a constant off the scores, which no way has.
points as (
    select
        cell, step, draw,
        sum(weight * loss * loading) filter (component = 1) as x,
        sum(weight * loss * loading) filter (component = 2) as y
    from icl_sampled
    semi join (
        select cell, unnest([early_step, start_step, end_step]) as step from asked
    ) using (cell, step)
    join loadings using (seq)
    join draws_of('icl_sampled') using (cell, seq)
    group by cell, step, draw
),

turns as (
    select
        claim, asked.cell, seed, start_.draw,
        start_.x - early.x as x1,
        start_.y - early.y as y1,
        end_.x - start_.x as x2,
        end_.y - start_.y as y2,
        x1 * x2 + y1 * y2 as along,
        x1 * y2 - y1 * x2 as across
    from asked
    join points as start_ on start_.cell = asked.cell and start_.step = start_step
    join points as early
        on early.cell = asked.cell and early.step = early_step and early.draw = start_.draw
    join points as end_
        on end_.cell = asked.cell and end_.step = end_step and end_.draw = start_.draw
)

select claim, cell, seed, draw, avg(degrees(atan2(abs(across), along))) as value, '' as reason
from turns
group by claim, cell, seed, draw

union all
select 'pca_right_angle', cell, seed, 0, null, 'the phase rule finds no change'
from deeper
where not is_phase_change

-- Grain: claim, cell. By how much paths turn in the plane of the first two joint components:
-- the angle between the way from half the window's start to its start, and that to its end.
-- One-layer models are asked at the windows of the deeper models of their seed.
-- Reads deeper, one_layer, pca.
with

points as (
    select
        cell, step,
        max(score) filter (component = 1) as x,
        max(score) filter (component = 2) as y
    from pca
    where component <= 2
    group by cell, step
),

asked as (
    select 'pca_right_angle' as claim, cell, seed, start_step, end_step
    from deeper
    where is_phase_change
    union all
    select 'pca_one_layer_straight', one_layer.cell, seed, deeper.start_step, deeper.end_step
    from one_layer
    join deeper using (seed)
    where deeper.is_phase_change
),

-- Of two checkpoints as near to half the start, the earlier one.
corners as (
    select
        claim, cell, seed,
        arg_min(x, (abs(step - start_step / 2), step)) as x0,
        arg_min(y, (abs(step - start_step / 2), step)) as y0,
        max(x) filter (step = start_step) as x1,
        max(y) filter (step = start_step) as y1,
        max(x) filter (step = end_step) as x2,
        max(y) filter (step = end_step) as y2
    from asked
    join points using (cell)
    group by claim, cell, seed, start_step, end_step
),

turns as (
    select
        claim, cell, seed,
        (x1 - x0) * (x2 - x1) + (y1 - y0) * (y2 - y1) as along,
        (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1) as across
    from corners
)

select claim, cell, seed, avg(degrees(atan2(abs(across), along))) as value, '' as reason
from turns
group by claim, cell, seed

union all
select 'pca_right_angle', cell, seed, null, 'the phase rule finds no change'
from deeper
where not is_phase_change

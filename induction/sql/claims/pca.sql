-- Grain: claim, cell. By how much paths turn in the plane of the first two joint components:
-- the angle between the way from half the window's start to its start, and that to its end.
-- One-layer models are asked at the windows of the deeper models of their seed.
-- Reads cells, pca, phases_windows.
with

points as (
    select
        cell,
        step * $tokens_per_step as tokens,
        max(score) filter (component = 1) as x,
        max(score) filter (component = 2) as y
    from pca
    where component <= 2
    group by cell, step
),

deeper as (
    select cell, seed, start_tokens, end_tokens
    from cells
    join phases_windows as windows using (cell)
    where is_main and n_layers >= 2 and not smeared_keys and is_phase_change
),

asked as (
    select cell, seed, start_tokens, end_tokens, 'pca_right_angle' as claim
    from deeper
    union all
    select cells.cell, cells.seed, start_tokens, end_tokens, 'pca_one_layer_straight'
    from cells
    join deeper using (seed)
    where is_main and n_layers = 1 and not smeared_keys and not mlp
),

corners as (
    select
        claim,
        cell,
        any_value(seed) as seed,
        arg_min(x, abs(tokens - start_tokens / 2)) as x0,
        arg_min(y, abs(tokens - start_tokens / 2)) as y0,
        arg_min(x, abs(tokens - start_tokens)) as x1,
        arg_min(y, abs(tokens - start_tokens)) as y1,
        arg_min(x, abs(tokens - end_tokens)) as x2,
        arg_min(y, abs(tokens - end_tokens)) as y2
    from asked
    join points using (cell)
    group by claim, cell, start_tokens, end_tokens
),

turns as (
    select
        claim,
        cell,
        seed,
        (x1 - x0) * (x2 - x1) + (y1 - y0) * (y2 - y1) as along,
        (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1) as across
    from corners
)

select claim, cell, any_value(seed) as seed, avg(degrees(atan2(abs(across), along))) as value,
    '' as reason
from turns
group by claim, cell

union all
select 'pca_right_angle', cell, seed, null, 'the phase rule finds no change'
from cells
join phases_windows as windows using (cell)
where is_main and n_layers >= 2 and not smeared_keys and not is_phase_change

-- Grain: claim, cell. What more context buys: d loss / d ln(tokens read) beyond 50, fitted over
-- all positions there, and where in the context depth helps. Reads cells, icl_positions, phases_windows.
with

slopes as (
    select cell, step, regr_slope(loss, ln(pos + 1)) as slope
    from icl_positions
    where pos >= 50
    group by cell, step
),

asked as (
    select
        cells.*,
        is_phase_change,
        arg_min(slope, abs(step * $tokens_per_step - start_tokens)) as at_start,
        arg_max(slope, step) as at_end
    from cells
    join phases_windows as windows using (cell)
    join slopes using (cell)
    where is_main and not smeared_keys
    group by all
),

last_positions as (
    select icl_positions.cell, pos, loss
    from icl_positions
    join (select cell, max(step) as step from icl_positions group by cell) using (cell, step)
),

gaps as (
    select
        three.cell,
        three.seed,
        avg(small.loss - large.loss) filter (large.pos between 8 and 12) as early,
        avg(small.loss - large.loss) filter (large.pos between $late_first and $late_last) as late
    from cells as three
    join cells as two using (seed)
    join last_positions as large on large.cell = three.cell
    join last_positions as small on small.cell = two.cell and small.pos = large.pos
    where three.is_main and two.is_main
        and three.n_layers = 3 and two.n_layers = 2
        and not three.mlp and not two.mlp and not three.smeared_keys and not two.smeared_keys
    group by three.cell, three.seed
)

select
    'no_gain_before' as claim,
    cell,
    seed,
    case when is_phase_change then at_start end as value,
    case when is_phase_change then '' else 'the phase rule finds no change' end as reason
from asked
where n_layers >= 2

union all
select 'gain_after', cell, seed, at_end, '' from asked where n_layers >= 2

union all
select 'one_layer_flattens', cell, seed, at_end, '' from asked where n_layers = 1 and not mlp

union all
select
    'size_helps_early_tokens',
    cell,
    seed,
    case when late > 0 then early / late end,
    case when late > 0 then '' else 'three layers are no better than two at the end' end
from gaps

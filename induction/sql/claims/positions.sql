-- Grain: claim, cell. What more context buys: d loss / d ln(tokens read) beyond 50, fitted over
-- all positions there, and where in the context depth helps.
-- Reads attention_only, deeper, one_layer, settings, icl_positions.
with

slopes as (
    select cell, step, regr_slope(loss, ln(pos + 1)) as slope
    from icl_positions
    where pos >= 50
    group by cell, step
),

gaps as (
    select
        three.cell, seed,
        avg(small.loss - large.loss) filter (large.pos between 8 and 12) as early,
        avg(small.loss - large.loss) filter (large.pos between late_first and late_last) as late
    from attention_only as three
    join attention_only as two using (seed)
    join last_rows('icl_positions') as large on large.cell = three.cell
    join last_rows('icl_positions') as small on small.cell = two.cell and small.pos = large.pos
    cross join settings
    where three.n_layers = 3 and two.n_layers = 2
    group by three.cell, seed
)

select
    'no_gain_before' as claim,
    deeper.cell, seed,
    if(is_phase_change, slope, null) as value,
    'the phase rule finds no change' as reason
from deeper
left join slopes on slopes.cell = deeper.cell and step = start_step

union all
select 'gain_after', cell, seed, slope, '' from deeper join last_rows('slopes') using (cell)

union all
select 'one_layer_flattens', cell, seed, slope, ''
from one_layer
join last_rows('slopes') using (cell)

union all
select
    'size_helps_early_tokens', cell, seed,
    if(late > 0, early / late, null),
    'three layers are no better than two at the end'
from gaps

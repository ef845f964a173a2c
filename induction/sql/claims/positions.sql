-- Grain: claim, cell, draw. What more context buys: d loss / d ln(tokens read) beyond 50, fitted
-- over all positions there, and where in the context depth helps.
-- Reads attention_only, deeper, one_layer, settings, losses.
with

last_steps as (
    select cell, max(step) as last_step from losses group by cell
),

asked as (
    select cell, last_step as step from last_steps
    union
    select cell, start_step from deeper where is_phase_change
),

-- A slope is linear in the losses: that of their mean is the mean of those of sequences.
of_sequences as (
    select
        cell, step, seq,
        regr_slope(loss, ln(pos + 1)) filter (pos >= 50) as slope,
        avg(loss) filter (pos between 8 and 12) as early,
        avg(loss) filter (pos between late_first and late_last) as late
    from losses
    semi join asked using (cell, step)
    cross join settings
    where cell in (select cell from deeper union all select cell from one_layer)
    group by cell, step, seq
),

drawn as (
    select
        cell, step, draw,
        sum(weight * slope) / sum(weight) as slope,
        sum(weight * early) / sum(weight) as early,
        sum(weight * late) / sum(weight) as late
    from of_sequences
    join draws_of('of_sequences') using (cell, seq)
    group by cell, step, draw
),

at_end as (
    from drawn semi join (select cell, last_step as step from last_steps) using (cell, step)
),

gaps as (
    select
        three.cell, seed, large.draw,
        small.early - large.early as early,
        small.late - large.late as late
    from attention_only as three
    join attention_only as two using (seed)
    join at_end as large on large.cell = three.cell
    join at_end as small on small.cell = two.cell and small.draw = large.draw
    where three.n_layers = 3 and two.n_layers = 2
)

select
    'no_gain_before' as claim,
    deeper.cell, seed,
    coalesce(draw, 0) as draw,
    if(is_phase_change, slope, null) as value,
    'the phase rule finds no change' as reason,
    null as divisor,
    '' as divisor_name
from deeper
left join drawn on drawn.cell = deeper.cell and step = start_step

union all
select 'gain_after', cell, seed, draw, slope, '', null, '' from deeper join at_end using (cell)

union all
select 'one_layer_flattens', cell, seed, draw, slope, '', null, ''
from one_layer
join at_end using (cell)

union all
select
    'size_helps_early_tokens', cell, seed, draw, early / late, '',
    late, 'what three layers gain at the end'
from gaps

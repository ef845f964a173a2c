-- Macros that the queries of the report share. Tables go in by name: views, or ctes of a query.

-- Bootstrap intervals over sequences (draws: draw, seq, weight). The table has a `part` and a `whole`
-- of every seq; its other columns are the grain. Intervals of the mean part, the part's share of the
-- whole, and the mean whole.
create macro intervals(name, draws, low, high) as table
with

resampled as (
    select
        rows.* exclude (seq, part, whole), resample,
        sum(weight * part) / sum(weight) as part,
        sum(weight * part) / nullif(sum(weight * whole), 0) as share,
        sum(weight * whole) / sum(weight) as whole
    from query_table(name) as rows
    join (select draw as resample, seq, weight from query_table(draws)) using (seq)
    group by all
)

select
    * exclude (resample, part, share, whole),
    quantile_cont(part, low) as part_low,
    quantile_cont(part, high) as part_high,
    quantile_cont(share, low) as share_low,
    quantile_cont(share, high) as share_high,
    quantile_cont(whole, low) as whole_low,
    quantile_cont(whole, high) as whole_high
from resampled
group by all;

-- Why nothing is shared out of a gain of ICL with this interval: it is not `least` half-widths of it,
-- claims.resolvable, above zero. Empty if it is.
create macro not_resolvable(gain, gain_low, gain_high, least) as if(
    gain > 0 and gain >= least * (gain_high - gain_low) / 2,
    '',
    format(
        'not resolvable: ICL gained is {:.2g} [{:.2g}, {:.2g}]',
        gain::double, gain_low::double, gain_high::double
    )
);

-- Grain: cell, seq, pos. Every loss at the two moments compared: the result of moments.sql.
create macro loss_changes(losses, moments) as table
with

before_ as materialized (
    select cell, seq, pos, loss
    from query_table(losses)
    semi join (select cell, before as step from query_table(moments)) using (cell, step)
),

after_ as materialized (
    select cell, seq, pos, loss
    from query_table(losses)
    semi join (select cell, after as step from query_table(moments)) using (cell, step)
)

select cell, seq, pos, before_.loss as before, after_.loss as after, after - before as change
from before_
join after_ using (cell, seq, pos);

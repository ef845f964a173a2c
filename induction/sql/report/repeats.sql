-- Grain: panel, probe, block, repeat. The loss of random blocks each time they come round, at the
-- last checkpoint, mean over probes and a panel's seeds. chance is the loss of an even guess over
-- the vocabulary, chance_usable that over the tokens that probes are drawn from, as in
-- induction/interp/probes.py; null for models of another text, whose vocabulary is not at hand.
-- Reads cells.
with

sizes as (
    select
        count(*) as vocab_size,
        count(*) filter (token > 0 and vocabulary.count > 0)
        - 2 * round_even($exclude_share * count(*), 0)::bigint as usable
    from vocabulary
)

select
    panel, probe, block, repeat,
    avg(loss) as loss,
    any_value(vocab_size) as vocab_size,
    ln(any_value(vocab_size)) as chance,
    any_value(usable) as usable,
    ln(any_value(usable)) as chance_usable
from last_rows('repeats')
join cells using (cell)
left join sizes on corpus = ''
group by place, panel, probe, block, repeat
order by place, probe, block, repeat

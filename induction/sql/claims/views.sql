-- Views and macros that the statistics of the claims share. Reads cells, settings, phases_windows
-- and draws (n_seq, draw, seq, weight): draw 0 has every one of n_seq sequences once.

-- Grain: cell. Every cell with its window, whose ends are checkpoints.
create view windowed_cells as
select
    cells.*,
    is_phase_change,
    start_tokens // tokens_per_step as start_step,
    end_tokens // tokens_per_step as end_step
from cells
cross join settings
left join phases_windows using (cell);

-- Grain: cell. Models of the paper's kind that change nothing: most claims are about some of them.
create view main_cells as from windowed_cells where is_main;

create view one_layer as from main_cells where family = 'one_layer';

create view attention_only as from main_cells where family = 'attention_only';

create view deeper as from main_cells where family in ('attention_only', 'mlp');

-- Those in which an induction head can form.
create view capable as from main_cells where family not in ('one_layer', 'mlp_one_layer');

-- Grain: cell, draw, seq. How much each sequence of a table counts in each draw; the same in all
-- cells that have as many.
create macro draws_of(name) as table
select cell, draw, seq, weight
from (select cell, count(distinct seq) as n_seq from query_table(name) group by cell)
join draws using (n_seq);

-- Views that the statistics of the claims share. Reads cells, settings, phases_windows.

-- Grain: cell. Every cell with its window, whose ends are checkpoints.
create view windowed_cells as
select
    cells.*,
    is_phase_change, icl_drop,
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

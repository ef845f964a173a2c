-- Grain: cell, step. The path of each cell in the plane of the first two principal components.
-- Reads cells.
select
    pca.cell, is_detailed,
    pca.step * $tokens_per_step as tokens,
    max(score) filter (component = 1) as pc1,
    max(score) filter (component = 2) as pc2,
    max(explained_variance) filter (component = 1) as pc1_share,
    max(explained_variance) filter (component = 2) as pc2_share,
    any_value(
        is_phase_change
        and pca.step * $tokens_per_step between start_tokens and end_tokens
    ) as is_in_window
from pca
join cells using (cell)
join phases_windows using (cell)
group by place, seed, pca.cell, is_detailed, pca.step
order by place, seed, pca.step

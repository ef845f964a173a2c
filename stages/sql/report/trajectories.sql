-- Grain: cell, step. The path of each cell in the plane of the first two principal components.
select
    pca.cell,
    pca.step * $tokens_per_step as tokens,
    max(score) filter (component = 1) as pc1,
    max(score) filter (component = 2) as pc2,
    max(explained_variance) filter (component = 1) as pc1_share,
    max(explained_variance) filter (component = 2) as pc2_share,
    coalesce(
        any_value(
            phase.is_phase_change
            and pca.step * $tokens_per_step between phase.start_tokens and phase.end_tokens
        ),
        false
    ) as is_in_window
from pca
left join phase_result as phase using (cell)
group by pca.cell, pca.step
order by pca.cell, pca.step

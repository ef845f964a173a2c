-- Grain: cell. The study in one row per cell: what reports/metrics.json holds.
-- Reads cells, and the results of final_heads.sql and removals.sql with _result after their names.
with

-- By score, then by position: the first head of equals.
best as (
    select
        cell,
        max(prefix_matching) as prefix_matching_max,
        max(previous_token) as previous_token_max,
        arg_max(name, (prefix_matching, -layer, -head)) as best_head,
        arg_max(name, (previous_token, -layer, -head)) as previous_token_head
    from final_heads_result
    group by cell
),

carrying as (
    select
        cell,
        max(delta_icl) as ablation_icl_max,
        arg_max(delta_icl_low, (delta_icl, -layer, -head)) as ablation_icl_low,
        arg_max(delta_icl_high, (delta_icl, -layer, -head)) as ablation_icl_high,
        arg_max(name, (delta_icl, -layer, -head)) as ablation_head
    from removals_result
    where replacement = 'zero'
    group by cell
),

-- Without the best head, later attention patterns follow.
without_best as (
    select
        cell,
        delta_icl as best_head_icl,
        delta_icl_low as best_head_icl_low,
        delta_icl_high as best_head_icl_high
    from removals_result
    join best using (cell)
    where name = best_head and replacement = 'zero' and mode = $full_mode
)

select
    cell,
    icl_matched, icl_matched_low, icl_matched_high,
    icl as icl_final,
    icl_low as icl_final_low,
    icl_high as icl_final_high,
    icl_paper as icl_paper_points,
    icl_paper_low, icl_paper_high,
    loss as loss_final,
    loss_low as loss_final_low,
    loss_high as loss_final_high,
    is_phase_change as phase_change,
    case when is_phase_change then start_tokens end as phase_start_tokens,
    case when is_phase_change then end_tokens end as phase_end_tokens,
    prefix_matching_max, previous_token_max, best_head, best_head_icl, best_head_icl_low,
    best_head_icl_high, ablation_icl_max, ablation_icl_low, ablation_icl_high,
    previous_token_head, ablation_head,
    icl_drop as phase_icl_drop,
    is_detailed, is_periodic
from last_rows('icl')
join phases_windows using (cell)
join best using (cell)
join carrying using (cell)
join without_best using (cell)
join cells using (cell)
order by place, seed

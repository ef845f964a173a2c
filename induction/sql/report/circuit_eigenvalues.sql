-- Grain: cell, step, layer, head. Eigenvalues of the OV circuit as lists of real and imaginary parts,
-- of the cells shown in detail. Reads cells.
select
    cell, step, layer, head,
    list(re order by "index") as re,
    list(im order by "index") as im,
    step = max(step) over (partition by cell) as is_last
from eigenvalues
join cells using (cell)
where is_detailed
group by place, seed, cell, step, layer, head
order by place, seed, step, layer, head

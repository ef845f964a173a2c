-- Grain: claim. The scoreboard, in the order of the page.
select * from claims order by place

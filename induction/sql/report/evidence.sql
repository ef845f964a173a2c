-- Grain: claim, cell. What each verdict rests on.
select * from evidence order by claim, cell

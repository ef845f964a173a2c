-- Grain: claim, family. The claims judged on models with and without MLPs alone.
select * from claims_by_family order by place, family

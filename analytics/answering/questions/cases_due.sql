-- 将到期和超期 · Cases that waited for their next step at the end of the last day: how many late
WITH known AS (
    FROM case_step WHERE local_time(happened)::DATE <= $until
), stands AS (
    SELECT reference, any_value(kind) AS kind,
           arg_max({'state': state, 'warns': warns, 'due': due}, n) AS last
    FROM known GROUP BY reference
)
SELECT kind, count(*) AS cases,
       count(*) FILTER (last.warns <= $until AND last.due >= $until) AS due_soon,
       count(*) FILTER (last.due < $until) AS overdue
FROM stands WHERE last.state NOT IN ('followed_up', 'rejected', 'merged')
GROUP BY kind ORDER BY kind

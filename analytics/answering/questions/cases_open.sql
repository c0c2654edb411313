-- 在办工单 · Cases that were open at the end of the last day, by state and by how many days they are old
WITH known AS (
    FROM case_step WHERE local_time(happened)::DATE <= $until
), stands AS (
    SELECT reference, arg_max(state, n) AS state,
           date_diff('day', min(local_time(happened))::DATE, $until::DATE) AS days
    FROM known GROUP BY reference
)
SELECT state, count(*) AS cases, count(*) FILTER (days <= 5) AS to_5_days,
       count(*) FILTER (days BETWEEN 6 AND 15) AS to_15_days, count(*) FILTER (days > 15) AS older,
       max(days) AS oldest_days
FROM stands WHERE state NOT IN ('closed', 'followed_up', 'rejected', 'merged')
GROUP BY state ORDER BY cases DESC, state

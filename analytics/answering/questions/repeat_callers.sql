-- 重复来电 · Callers of each day by how often they called on it
-- chart: lines day percent
WITH caller_day AS (
    SELECT local_time(started)::DATE AS day, caller, count(*) AS calls
    FROM call_session
    WHERE caller IS NOT NULL AND on_days(started, $since, $until) GROUP BY day, caller
)
SELECT day, count(*) AS callers, count(*) FILTER (calls > 1) AS called_again,
       percent(count(*) FILTER (calls > 1), count(*)) AS percent, max(calls) AS most_calls
FROM caller_day
GROUP BY day
ORDER BY day

-- 重复来电 · Callers of each day by how often they called on it; who withholds the number is apart
-- chart: lines day percent
WITH caller_day AS (
    SELECT local_time(started)::DATE AS day, caller, count(*) AS calls
    FROM call_session WHERE on_days(started, $since, $until) GROUP BY ALL
)
SELECT day, count(caller) AS callers,
       count(*) FILTER (caller IS NOT NULL AND calls > 1) AS called_again,
       percent(count(*) FILTER (caller IS NOT NULL AND calls > 1), count(caller)) AS percent,
       max(calls) FILTER (caller IS NOT NULL) AS most_calls,
       coalesce(sum(calls) FILTER (caller IS NULL), 0)::BIGINT AS calls_without_number
FROM days_between($since, $until) LEFT JOIN caller_day USING (day)
GROUP BY day
ORDER BY day

-- 等待与放弃 · How long callers wait for an agent, and how many give up waiting
-- chart: lines day p50_seconds p95_seconds
-- Where nobody is there (none_there), or not in these hours (closed), nobody waits.
WITH wish AS (
    SELECT local_time(happened)::DATE AS day, outcome, ring_ms,
           if(outcome = 'none_there', NULL, ring_ms) AS waited_ms
    FROM transfer WHERE outcome <> 'closed' AND on_days(happened, $since, $until)
)
SELECT day, count(outcome) AS asked,
       count(*) FILTER (outcome = 'abandoned') AS abandoned,
       percent(count(*) FILTER (outcome = 'abandoned'), count(outcome)) AS abandoned_percent,
       round(quantile_disc(waited_ms, 0.5) / 1000, 1) AS p50_seconds,
       round(quantile_disc(waited_ms, 0.95) / 1000, 1) AS p95_seconds
FROM days_between($since, $until) LEFT JOIN wish USING (day)
GROUP BY day
ORDER BY day

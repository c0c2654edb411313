-- 接通率 · Wishes for an agent that were answered within a short and a long limit (settings)
-- chart: lines day within_short_percent within_long_percent
-- Who asks out of hours cannot be answered: that is apart, and in no share.
WITH wish AS (
    SELECT local_time(happened)::DATE AS day, outcome, ring_ms FROM transfer
    WHERE on_days(happened, $since, $until)
)
SELECT day, count(*) FILTER (outcome <> 'closed') AS asked,
       count(*) FILTER (outcome = 'answered') AS answered,
       $short AS short_seconds,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= $short * 1000),
               count(*) FILTER (outcome <> 'closed')) AS within_short_percent,
       $long AS long_seconds,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= $long * 1000),
               count(*) FILTER (outcome <> 'closed')) AS within_long_percent,
       count(*) FILTER (outcome = 'closed') AS out_of_hours
FROM days_between($since, $until) LEFT JOIN wish USING (day)
GROUP BY day
ORDER BY day

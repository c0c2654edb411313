-- 接通率 · Wishes for an agent that were answered within a short and a long limit (settings)
-- chart: lines day within_short_percent within_long_percent
SELECT local_time(happened)::DATE AS day, count(*) AS asked,
       count(*) FILTER (outcome = 'answered') AS answered,
       $short AS short_seconds,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= $short * 1000), count(*))
           AS within_short_percent,
       $long AS long_seconds,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= $long * 1000), count(*))
           AS within_long_percent
FROM transfer
WHERE on_days(happened, $since, $until)
GROUP BY day
ORDER BY day

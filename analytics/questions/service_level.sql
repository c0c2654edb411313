-- 接通率 · Wishes for an agent that were answered within 15 and within 20 seconds
SELECT local_time(happened)::DATE AS day, count(*) AS asked,
       count(*) FILTER (outcome = 'answered') AS answered,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= 15000), count(*))
           AS within_15_percent,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= 20000), count(*))
           AS within_20_percent
FROM transfer
WHERE on_days(happened, $since, $until)
GROUP BY day
ORDER BY day

-- 等待与放弃 · How long callers wait for an agent, and how many give up waiting
-- chart: lines day p50_seconds p95_seconds
SELECT local_time(happened)::DATE AS day, count(*) AS asked,
       count(*) FILTER (outcome = 'abandoned') AS abandoned,
       percent(count(*) FILTER (outcome = 'abandoned'), count(*)) AS abandoned_percent,
       round(quantile_disc(ring_ms, 0.5) / 1000, 1) AS p50_seconds,
       round(quantile_disc(ring_ms, 0.95) / 1000, 1) AS p95_seconds
FROM transfer
WHERE on_days(happened, $since, $until)
GROUP BY day
ORDER BY day

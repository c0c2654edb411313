-- 通话时长 · Length of calls by how they ended, in seconds
SELECT disposition, count(*) AS calls, quantile_disc(ms, 0.5) / 1000 AS p50,
       quantile_disc(ms, 0.95) / 1000 AS p95, quantile_disc(ms, 0.99) / 1000 AS p99
FROM every_call
WHERE disposition IS NOT NULL AND on_days(started, $since, $until)
GROUP BY disposition
ORDER BY calls DESC, disposition

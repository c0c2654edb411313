-- 账户查询 · Look-ups by source and outcome, and how long they took
SELECT source, outcome, count(*) AS times,
       percent(count(*), sum(count(*)) OVER (PARTITION BY source)) AS percent,
       quantile_disc(ms, 0.5) AS p50_ms, quantile_disc(ms, 0.95) AS p95_ms, max(ms) AS max_ms
FROM lookup
WHERE on_days(happened, $since, $until)
GROUP BY source, outcome
ORDER BY source, outcome

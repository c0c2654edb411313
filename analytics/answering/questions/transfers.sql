-- 转人工结果 · Wishes for an agent by outcome, with the waiting
-- chart: bars outcome times
SELECT outcome, count(*) AS times, percent(count(*), sum(count(*)) OVER ()) AS percent,
       round(avg(ring_ms) / 1000, 1) AS mean_wait_seconds
FROM transfer
WHERE on_days(happened, $since, $until)
GROUP BY outcome
ORDER BY times DESC, outcome

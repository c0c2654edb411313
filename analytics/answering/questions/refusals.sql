-- 拒绝 · What the line refused, by reason and day
SELECT local_time(happened)::DATE AS day, reason, count(*) AS times
FROM refusal
WHERE on_days(happened, $since, $until)
GROUP BY day, reason
ORDER BY day, reason

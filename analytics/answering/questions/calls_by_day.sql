-- 每日来电 · Calls by day
-- chart: lines day calls answered
SELECT local_time(started)::DATE AS day,
       count(*) AS calls,
       count(answered) AS answered,
       round(avg(ms) / 1000, 1) AS mean_seconds
FROM call_session
WHERE on_days(started, $since, $until)
GROUP BY day
ORDER BY day

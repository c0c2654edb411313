-- 每月来电 · Calls by month
-- chart: bars month calls answered
SELECT strftime(local_time(started), '%Y-%m') AS month,
       count(*) AS calls,
       count(answered) AS answered,
       round(avg(ms) / 1000, 1) AS mean_seconds
FROM call_session
WHERE on_days(started, $since, $until)
GROUP BY month
ORDER BY month

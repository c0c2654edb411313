-- 每月来电 · Calls by month
-- chart: bars month calls answered
SELECT strftime(day, '%Y-%m') AS month, count(started) AS calls,
       count(*) FILTER (served) AS answered,
       round(avg(ms) FILTER (served) / 1000, 1) AS mean_seconds
FROM days_between($since, $until)
LEFT JOIN every_call ON local_time(started)::DATE = day AND on_days(started, $since, $until)
GROUP BY month
ORDER BY month

-- 每小时来电 · Calls by hour of the day
-- chart: bars hour calls answered
SELECT hour, count(started) AS calls, count(*) FILTER (served) AS answered,
       round(avg(ms) FILTER (served) / 1000, 1) AS mean_seconds
FROM range(24) AS hours(hour)
LEFT JOIN every_call ON hour(local_time(started)) = hour AND on_days(started, $since, $until)
GROUP BY hour
ORDER BY hour

-- 每小时来电 · Calls by hour of the day
-- chart: bars hour calls answered
SELECT hour(local_time(started)) AS hour,
       count(*) AS calls,
       count(answered) AS answered,
       round(avg(ms) / 1000, 1) AS mean_seconds
FROM call_session
WHERE on_days(started, $since, $until)
GROUP BY hour
ORDER BY hour

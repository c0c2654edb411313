-- 星期来电 · Calls by day of the week (1 Monday … 7 Sunday)
-- chart: bars weekday calls answered
SELECT isodow(local_time(started)) AS weekday,
       count(*) AS calls,
       count(answered) AS answered,
       round(avg(ms) / 1000, 1) AS mean_seconds
FROM call_session
WHERE on_days(started, $since, $until)
GROUP BY weekday
ORDER BY weekday

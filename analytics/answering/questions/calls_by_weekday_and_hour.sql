-- 星期与小时 · Calls by day of the week (1 Monday … 7 Sunday) and hour
-- chart: heat weekday hour calls
SELECT isodow(local_time(started)) AS weekday, hour(local_time(started)) AS hour,
       count(*) AS calls
FROM call_session
WHERE on_days(started, $since, $until)
GROUP BY weekday, hour
ORDER BY weekday, hour

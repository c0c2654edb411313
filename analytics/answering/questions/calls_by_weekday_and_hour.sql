-- 星期与小时 · Calls by day of the week (1 Monday … 7 Sunday) and hour, and on one such day
-- chart: heat weekday hour calls_per_day
WITH cell AS (
    SELECT isodow(local_time(started)) AS weekday, hour(local_time(started)) AS hour,
           count(*) AS calls
    FROM every_call WHERE on_days(started, $since, $until) GROUP BY ALL
), days AS (
    SELECT isodow(day) AS weekday, count(*) AS days
    FROM days_between($since, $until) GROUP BY weekday
)
SELECT weekday, hour, coalesce(days, 0) AS days, coalesce(calls, 0) AS calls,
       round(coalesce(calls, 0) / days, 1) AS calls_per_day
FROM range(1, 8) AS week(weekday) CROSS JOIN range(24) AS hours(hour)
LEFT JOIN days USING (weekday) LEFT JOIN cell USING (weekday, hour)
ORDER BY weekday, hour

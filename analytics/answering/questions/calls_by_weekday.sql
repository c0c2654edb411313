-- 星期来电 · Calls by day of the week (1 Monday … 7 Sunday), and on one such day
-- chart: bars weekday calls_per_day answered_per_day
-- A month has four of some weekdays and five of others: only what comes on one day compares.
SELECT weekday, count(DISTINCT day) AS days, count(started) AS calls,
       count(*) FILTER (served) AS answered,
       round(count(started) / nullif(count(DISTINCT day), 0), 1) AS calls_per_day,
       round(count(*) FILTER (served) / nullif(count(DISTINCT day), 0), 1) AS answered_per_day,
       round(avg(ms) FILTER (served) / 1000, 1) AS mean_seconds
FROM range(1, 8) AS week(weekday)
LEFT JOIN days_between($since, $until) ON isodow(day) = weekday
LEFT JOIN every_call ON local_time(started)::DATE = day AND on_days(started, $since, $until)
GROUP BY weekday
ORDER BY weekday

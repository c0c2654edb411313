-- 按时率 · How many steps of cases were made in time, by kind and step
SELECT kind, move, count(*) AS times, count(*) FILTER (in_time) AS in_time,
       percent(count(*) FILTER (in_time), count(*)) AS in_time_percent
FROM case_step WHERE on_days(happened, $since, $until) AND in_time IS NOT NULL
GROUP BY kind, move ORDER BY kind, times DESC, move

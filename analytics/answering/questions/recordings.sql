-- 投诉与建议 · Recordings by kind and state, the oldest of them, and how long handling took
SELECT kind, state, count(*) AS recordings, local_time(min(happened)) AS oldest,
       round(avg(date_diff('second', happened, moved)) / 3600, 1) AS mean_hours_to_state
FROM recording
WHERE on_days(happened, $since, $until)
GROUP BY kind, state
ORDER BY kind, state

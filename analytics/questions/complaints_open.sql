-- 未处理 · Recordings that wait for someone, the oldest first
SELECT reference, kind, local_time(happened) AS recorded, round(ms / 1000, 1) AS seconds,
       date_diff('day', local_time(happened)::DATE, $until::DATE) AS days_old
FROM recording
WHERE state = 'new' AND on_days(happened, $since, $until)
ORDER BY happened, reference

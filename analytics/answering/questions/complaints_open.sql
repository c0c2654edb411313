-- 未处理 · Recordings that waited for someone at the end of the last day, the oldest first
SELECT reference, kind, local_time(happened) AS recorded, round(ms / 1000, 1) AS seconds,
       date_diff('day', local_time(happened)::DATE, $until::DATE) AS days_old
FROM recording
WHERE local_time(happened)::DATE <= $until
  AND coalesce(local_time(moved)::DATE > $until, state = 'new')
ORDER BY happened, reference

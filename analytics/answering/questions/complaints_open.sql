-- 未处理 · Recordings that waited for someone at the end of the last day, the oldest first
WITH state_then AS (
    SELECT reference, arg_max(state, happened) AS state FROM recording_move
    WHERE happened < $until::DATE::TIMESTAMP + INTERVAL 16 HOUR  -- its end in Beijing
    GROUP BY reference
)
SELECT reference, kind, local_time(happened) AS recorded, round(ms / 1000, 1) AS seconds,
       date_diff('day', local_time(happened)::DATE, $until::DATE) AS days_old
FROM recording_saved AS saved LEFT JOIN state_then USING (reference)
WHERE local_time(happened)::DATE <= $until AND coalesce(state_then.state, saved.state) = 'new'
ORDER BY happened, reference

-- 同时通话 · The most calls at once on each day
-- chart: lines day most_at_once
WITH open_call AS (
    -- A call of the evening before may still go on at midnight; none lasts a day.
    SELECT session, started, if(ms IS NULL, NULL, ended) AS ended FROM every_call
    WHERE on_days(started, $since::DATE - 1, $until)
), last_known AS (
    -- A call that was lost, or has no end yet, is known until the last thing that happened in it.
    SELECT session, max(happened) AS happened FROM (
        SELECT session, happened FROM dialogue_visit
        UNION ALL SELECT session, happened FROM call_step)
    WHERE session IN (SELECT session FROM open_call WHERE ended IS NULL)
      AND on_days(happened, $since::DATE - 1, $until::DATE + 1)
    GROUP BY session
), change AS (
    SELECT local_time(started) AS moment, 1 AS more FROM open_call
    UNION ALL
    SELECT local_time(coalesce(ended, happened, started)), -1
    FROM open_call LEFT JOIN last_known USING (session)
    UNION ALL
    SELECT day::TIMESTAMP, 0 FROM days_between($since, $until)
), level AS (
    -- Who leaves at the very moment at which another comes does not overlap.
    SELECT moment, more, sum(more) OVER (ORDER BY moment, more ROWS UNBOUNDED PRECEDING) AS at_once
    FROM change
)
SELECT moment::DATE AS day, greatest(max(at_once), 0)::BIGINT AS most_at_once
FROM level
WHERE moment::DATE BETWEEN $since AND $until
GROUP BY day
ORDER BY day

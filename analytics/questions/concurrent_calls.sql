-- 同时通话 · The most calls at once on each day
WITH change AS (
    SELECT started AS moment, 1 AS more FROM call_session WHERE on_days(started, $since, $until)
    UNION ALL
    SELECT ended, -1 FROM call_session
    WHERE on_days(started, $since, $until) AND ended IS NOT NULL
), level AS (
    -- Who leaves at the very moment at which another comes does not overlap.
    SELECT moment, sum(more) OVER (ORDER BY moment, more ROWS UNBOUNDED PRECEDING) AS at_once
    FROM change
)
SELECT local_time(moment)::DATE AS day, max(at_once)::BIGINT AS most_at_once
FROM level
GROUP BY day
ORDER BY day

-- 同时通话 · The most calls at once on each day
-- chart: lines day most_at_once
WITH open_call AS (
    -- A call of the evening before may still go on at midnight; none lasts a day.
    SELECT started, ended FROM call_session
    WHERE on_days(started, $since::DATE - 1, $until)
      AND coalesce(local_time(ended) >= $since::DATE, true)
), change AS (
    SELECT local_time(started) AS moment, 1 AS more FROM open_call
    UNION ALL
    SELECT local_time(ended), -1 FROM open_call WHERE ended IS NOT NULL
    UNION ALL
    SELECT unnest(generate_series($since::TIMESTAMP, $until::TIMESTAMP, INTERVAL 1 DAY)), 0
), level AS (
    -- Who leaves at the very moment at which another comes does not overlap.
    SELECT moment, sum(more) OVER (ORDER BY moment, more ROWS UNBOUNDED PRECEDING) AS at_once
    FROM change
)
SELECT moment::DATE AS day, max(at_once)::BIGINT AS most_at_once
FROM level
WHERE moment::DATE BETWEEN $since AND $until
GROUP BY day
HAVING most_at_once > 0
ORDER BY day

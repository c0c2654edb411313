-- 自助率 · Calls that the line itself answered: an inquiry completed, no agent asked for
-- chart: lines day percent
-- A hang-up alone is no success: only readouts heard to their figures, information heard to its
-- end, votes and recordings count. An agent asked for out of hours was asked for.
SELECT day, count(*) FILTER (served) AS answered,
       count(*) FILTER (completed > 0 AND transfers = 0) AS self_served,
       percent(count(*) FILTER (completed > 0 AND transfers = 0), count(*) FILTER (served))
           AS percent
FROM days_between($since, $until)
LEFT JOIN every_call ON local_time(started)::DATE = day AND on_days(started, $since, $until)
GROUP BY day
ORDER BY day

-- 自助率 · Calls that the line itself answered: an inquiry completed, no agent asked for
-- chart: lines day percent
-- A hang-up alone is no success: only accounts found, information heard, votes, recordings count.
SELECT local_time(started)::DATE AS day, count(answered) AS answered,
       count(*) FILTER (completed > 0 AND transfers = 0) AS self_served,
       percent(count(*) FILTER (completed > 0 AND transfers = 0), count(answered)) AS percent
FROM call_session
WHERE on_days(started, $since, $until)
GROUP BY day
ORDER BY day

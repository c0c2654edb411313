-- 话务量 · Erlangs of each day's busiest hour, and the lines that 1 % blocking needs (Erlang B)
-- chart: lines day erlangs lines_needed
WITH RECURSIVE hourly AS (
    SELECT date_trunc('hour', local_time(started)) AS hour, sum(ms) / 3600000.0 AS erlangs
    FROM call_session WHERE on_days(started, $since, $until) GROUP BY hour
), busiest AS (
    SELECT hour::DATE AS day, max(erlangs)::DOUBLE AS erlangs FROM hourly GROUP BY day
), blocked AS (
    SELECT day, erlangs, 0 AS lines, 1.0::DOUBLE AS share FROM busiest
    UNION ALL
    SELECT day, erlangs, lines + 1, erlangs * share / (lines + 1 + erlangs * share)
    FROM blocked WHERE share > 0.01
)
SELECT day, round(any_value(erlangs), 3) AS erlangs, max(lines) AS lines_needed
FROM blocked
WHERE erlangs > 0
GROUP BY day
ORDER BY day

-- 话务量 · Erlangs of each day's busiest hour, and the lines that 1 % blocking needs (Erlang B)
-- chart: lines day erlangs lines_needed
WITH RECURSIVE call AS (
    SELECT local_time(started) AS began, local_time(started) + INTERVAL 1 MILLISECOND * ms AS ended
    FROM every_call WHERE ms > 0 AND on_days(started, $since::DATE - 1, $until)
), hourly AS (
    -- A call loads each hour in which it goes on with the part that falls into it.
    SELECT hour, sum(epoch_ms(least(ended, hour + INTERVAL 1 HOUR) - greatest(began, hour)))
           / 3600000.0 AS erlangs
    FROM call, LATERAL (SELECT unnest(generate_series(
        date_trunc('hour', began), date_trunc('hour', ended), INTERVAL 1 HOUR)) AS hour)
    GROUP BY hour
), busiest AS (
    SELECT day, coalesce(max(erlangs), 0)::DOUBLE AS erlangs
    FROM days_between($since, $until) LEFT JOIN hourly ON hour::DATE = day GROUP BY day
), blocked AS (
    SELECT day, erlangs, 0 AS lines, if(erlangs > 0, 1.0, 0.0)::DOUBLE AS share FROM busiest
    UNION ALL
    SELECT day, erlangs, lines + 1, erlangs * share / (lines + 1 + erlangs * share)
    FROM blocked WHERE share > 0.01
)
SELECT day, round(any_value(erlangs), 3) AS erlangs, max(lines) AS lines_needed
FROM blocked
GROUP BY day
ORDER BY day

-- 坐席人数 · Agents for each day's busiest hour, so that 80 % wait no longer than the short limit
-- Erlang C, the usual model of a queue: as many agents as answer 80 % within the limit (settings).
WITH RECURSIVE hourly AS (
    SELECT date_trunc('hour', local_time(happened) - INTERVAL 1 MILLISECOND * talk_ms) AS hour,
           count(*) AS talks, sum(talk_ms) / 3600000.0 AS erlangs, avg(talk_ms) / 1000.0 AS seconds
    FROM transfer
    WHERE outcome = 'answered' AND on_days(happened, $since, $until) GROUP BY hour
), busiest AS (
    SELECT hour::DATE AS day, hour(hour) AS hour, talks, erlangs::DOUBLE AS erlangs,
           seconds::DOUBLE AS seconds
    FROM hourly WHERE erlangs > 0
    QUALIFY row_number() OVER (PARTITION BY hour::DATE ORDER BY erlangs DESC, hour) = 1
), blocked AS (
    SELECT *, 0 AS agents, 1.0::DOUBLE AS share, 0.0::DOUBLE AS in_time FROM busiest
    UNION ALL
    SELECT day, hour, talks, erlangs, seconds, agents + 1,
           erlangs * share / (agents + 1 + erlangs * share),
           if(agents + 1 <= erlangs, 0.0, 1 - exp(-(agents + 1 - erlangs) * $short / seconds)
              * (agents + 1) * (erlangs * share / (agents + 1 + erlangs * share))
              / (agents + 1 - erlangs * (1 - erlangs * share / (agents + 1 + erlangs * share))))
    FROM blocked WHERE in_time < 0.8
)
SELECT day, hour, talks, round(erlangs, 3) AS erlangs, round(seconds, 1) AS mean_talk_seconds,
       agents AS agents_needed, round(100 * in_time, 1) AS in_time_percent
FROM blocked
WHERE in_time >= 0.8
ORDER BY day

-- 坐席人数 · Agents for each day's busiest hour, so that 80 % wait no longer than the short limit
-- Erlang C, the usual model of a queue: as many agents as answer 80 % within the limit (settings).
-- The load is what is offered: everyone who asked in the hour, also in vain, with the mean talk and
-- after-call work of these days. Who asks again in the hour because nobody answered wants one conversation.
WITH RECURSIVE wish AS (
    SELECT session, outcome, talk_ms,
           date_trunc('hour', local_time(happened) - INTERVAL 1 MILLISECOND * (ring_ms + talk_ms))
               AS hour
    FROM transfer WHERE outcome <> 'closed' AND on_days(happened, $since, $until)
), after_call AS (
    SELECT coalesce(sum(ms) FILTER (was = 'wrap_up')
                    / nullif(count(*) FILTER (was = 'talking'), 0), 0) / 1000.0 AS work
    FROM agent_move WHERE on_days(happened, $since, $until)
), talk AS (
    SELECT avg(talk_ms) FILTER (outcome = 'answered') / 1000.0 AS said,
           said + any_value(work) AS seconds FROM wish, after_call
), hourly AS (
    SELECT hour, sum(wanted)::BIGINT AS offered FROM (
        SELECT hour, greatest(count(*) FILTER (outcome = 'answered'), 1) AS wanted
        FROM wish GROUP BY hour, session)
    GROUP BY hour
), busiest AS (
    SELECT day, hour(hour) AS hour, coalesce(offered, 0) AS offered,
           if(offered IS NULL, 0, offered * seconds / 3600)::DOUBLE AS erlangs,
           if(offered IS NULL, NULL, seconds)::DOUBLE AS seconds,
           if(offered IS NULL, NULL, said)::DOUBLE AS said,
           if(offered IS NULL, NULL, seconds - said)::DOUBLE AS work
    FROM days_between($since, $until) LEFT JOIN hourly ON hour::DATE = day, talk
    QUALIFY row_number() OVER (PARTITION BY day ORDER BY offered DESC NULLS LAST, hour) = 1
), blocked AS (
    SELECT *, 0 AS agents, 1.0::DOUBLE AS share,
           if(erlangs > 0, 0.0, if(erlangs = 0, 1.0, NULL))::DOUBLE AS in_time
    FROM busiest
    UNION ALL
    SELECT day, hour, offered, erlangs, seconds, said, work, agents + 1,
           erlangs * share / (agents + 1 + erlangs * share),
           if(agents + 1 <= erlangs, 0.0, 1 - exp(-(agents + 1 - erlangs) * $short / seconds)
              * (agents + 1) * (erlangs * share / (agents + 1 + erlangs * share))
              / (agents + 1 - erlangs * (1 - erlangs * share / (agents + 1 + erlangs * share))))
    FROM blocked WHERE in_time < 0.8
)
SELECT day, hour, offered, round(erlangs, 3) AS erlangs, round(said, 1) AS mean_talk_seconds,
       round(work, 1) AS mean_after_work_seconds,
       if(erlangs IS NULL, NULL, agents) AS agents_needed,
       if(erlangs > 0, round(100 * in_time, 1), NULL) AS in_time_percent
FROM blocked
WHERE in_time >= 0.8 OR erlangs IS NULL
ORDER BY day

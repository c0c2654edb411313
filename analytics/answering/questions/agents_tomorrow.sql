-- 明天坐席人数 · Agents for each half hour of the next day: 80 % answered within the short limit
-- Erlang A (Palm): M/M/n+M, callers who wait as long as they have patience. States, and who is
-- served in time: A. Mandelbaum, S. Zeltyn, Service engineering in action: the Palm/Erlang-A queue
-- (2007).
-- With a = n mu / theta and x = exp(-theta t), who finds j waiting is answered within t with
-- a / (a + j + 1) (1 - I_x(a + 1, j + 1)): the regularised incomplete beta, a sum as j is whole.
-- Load, talk, after-call work and patience are those of the last days that are like that one.
-- An agent is taken by talk and after-call work. Patience: those who gave up, in all the time that
-- was waited; an hour, where nobody did.
WITH wish AS (
    SELECT local_time(happened) - INTERVAL 1 MILLISECOND * (ring_ms + talk_ms) AS asked, outcome,
           ring_ms, talk_ms
    FROM transfer
    WHERE outcome NOT IN ('closed', 'none_there') AND local_time(happened)::DATE IN $tomorrow
), work AS (
    SELECT coalesce(sum(ms) FILTER (was = 'wrap_up')
                    / nullif(count(*) FILTER (was = 'talking'), 0), 0) / 1000.0 AS seconds
    FROM agent_move WHERE local_time(happened)::DATE IN $tomorrow
), whole AS (
    SELECT count(DISTINCT asked::DATE) AS days,
           avg(talk_ms) FILTER (outcome = 'answered') / 1000.0 AS talk,
           greatest(coalesce(count(*) FILTER (outcome = 'abandoned') * 1000.0
                             / nullif(sum(ring_ms), 0), 0), 1 / 3600) AS theta
    FROM wish
), load AS (
    SELECT time_bucket(INTERVAL 30 MINUTE, asked)::TIME AS half_hour,
           count(*) / any_value(days) AS offered, any_value(talk)::DOUBLE AS said,
           any_value(work.seconds)::DOUBLE AS work,
           any_value(talk + work.seconds)::DOUBLE AS talk,
           any_value(theta)::DOUBLE AS theta
    FROM wish, whole, work WHERE talk > 0 GROUP BY half_hour
), staffed AS (
    SELECT *, offered / 1800 AS rate, unnest(generate_series(
               greatest(1, floor(offered / 1800 * talk * 0.8)::BIGINT),
               ceil(offered / 1800 * talk * 1.5)::BIGINT + 10)) AS agents
    FROM load
), state AS (
    SELECT *, unnest(generate_series(0, agents + 200)) AS k FROM staffed
), weighed AS (
    SELECT *, k - agents AS waiting, agents / talk / theta AS a,
           sum(if(k = 0, 0, ln(rate / (least(k, agents) / talk + greatest(k - agents, 0) * theta))))
               OVER (PARTITION BY half_hour, agents ORDER BY k) AS log_weight
    FROM state
), shared AS (
    SELECT *, exp(log_weight - max(log_weight) OVER one)
              / sum(exp(log_weight - peak)) OVER one AS share,
           sum(if(waiting < 1, 0, ln((a + waiting) / waiting * (1 - exp(-theta * $short)))))
               OVER (PARTITION BY half_hour, agents ORDER BY k)
           - (a + 1) * theta * $short AS log_term
    FROM (SELECT *, max(log_weight) OVER (PARTITION BY half_hour, agents) AS peak FROM weighed)
    WINDOW one AS (PARTITION BY half_hour, agents)
), served AS (
    SELECT half_hour, agents, offered, said, work, theta, rate, waiting, share,
           if(waiting < 0, 1, a / (a + waiting + 1) * greatest(0, 1 - sum(
               if(waiting < 0, 0, exp(log_term))) OVER (PARTITION BY half_hour, agents ORDER BY k)))
               AS in_time
    FROM shared
), judged AS (
    SELECT half_hour, agents, any_value(offered) AS offered, any_value(said) AS said,
           any_value(work) AS work, any_value(theta) AS theta, sum(share * in_time) AS in_time,
           sum(theta * greatest(waiting, 0) * share) / any_value(rate) AS abandon
    FROM served GROUP BY half_hour, agents
)
SELECT half_hour, round(offered, 1) AS offered, round(said, 1) AS mean_talk_seconds,
       round(work, 1) AS mean_after_work_seconds, round(1 / theta, 1) AS patience_seconds, agents AS agents_needed,
       round(100 * in_time, 1) AS in_time_percent, round(100 * abandon, 1) AS abandoned_percent
FROM judged WHERE in_time >= 0.8
QUALIFY row_number() OVER (PARTITION BY half_hour ORDER BY agents) = 1
ORDER BY half_hour

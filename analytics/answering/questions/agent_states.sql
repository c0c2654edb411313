-- 坐席状态 · What each agent did in each half hour: minutes in every state, and occupancy
-- Occupancy is talking and after-call work in the time on duty. A state that goes on counts up to
-- now; one whose beginning nobody knows is left out.
WITH stretch AS (
    SELECT agent, was AS state, local_time(happened) - INTERVAL 1 MILLISECOND * ms AS began,
           local_time(happened) AS ended
    FROM agent_move WHERE ms > 0 AND happened >= $since::TIMESTAMP - INTERVAL 8 HOUR
    UNION ALL
    SELECT agent, state, local_time(happened), $now::TIMESTAMP FROM agent_move
    QUALIFY row_number() OVER (PARTITION BY node, extension ORDER BY happened DESC, event) = 1
), within AS (
    SELECT agent, state, greatest(began, $since::TIMESTAMP) AS began,
           least(ended, $until::TIMESTAMP + INTERVAL 1 DAY, $now::TIMESTAMP) AS ended
    FROM stretch WHERE state <> 'signed_out'
), part AS (
    SELECT agent, state, half_hour,
           (epoch(least(ended, half_hour + INTERVAL 30 MINUTE))
            - epoch(greatest(began, half_hour))) / 60 AS minutes
    FROM (SELECT *, unnest(generate_series(time_bucket(INTERVAL 30 MINUTE, began), ended,
                                           INTERVAL 30 MINUTE)) AS half_hour
          FROM within WHERE began < ended)
), summed AS (
    SELECT half_hour, agent,
           coalesce(sum(minutes) FILTER (state = 'free'), 0) AS free,
           coalesce(sum(minutes) FILTER (state = 'talking'), 0) AS talking,
           coalesce(sum(minutes) FILTER (state = 'wrap_up'), 0) AS wrap_up,
           coalesce(sum(minutes) FILTER (state = 'not_ready'), 0) AS not_ready,
           coalesce(sum(minutes) FILTER (state = 'away'), 0) AS away
    FROM part WHERE minutes > 0 GROUP BY half_hour, agent
)
SELECT half_hour, agent, round(free, 1) AS free_minutes, round(talking, 1) AS talking_minutes,
       round(wrap_up, 1) AS wrap_up_minutes, round(not_ready, 1) AS not_ready_minutes,
       round(away, 1) AS away_minutes,
       percent(talking + wrap_up, free + talking + wrap_up) AS occupancy_percent
FROM summed
ORDER BY half_hour, agent

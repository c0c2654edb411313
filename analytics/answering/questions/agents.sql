-- 坐席 · Calls of each agent: talk, after-call work, and what a call takes in all
-- chart: bars agent talk_minutes
-- After-call work is counted for each conversation, also for those after which there was none.
WITH talk AS (
    SELECT agent, count(*) AS calls, sum(talk_ms) AS talk_ms
    FROM transfer WHERE outcome = 'answered' AND on_days(happened, $since, $until)
    GROUP BY agent
), work AS (
    SELECT agent, coalesce(sum(ms) FILTER (was = 'wrap_up')
                           / nullif(count(*) FILTER (was = 'talking'), 0), 0) AS after_ms
    FROM agent_move WHERE on_days(happened, $since, $until) GROUP BY agent
)
SELECT agent, calls, round(talk_ms / 60000, 1) AS talk_minutes,
       round(talk_ms / calls / 1000, 1) AS mean_talk_seconds,
       round(coalesce(after_ms, 0) / 1000, 1) AS mean_after_work_seconds,
       round((talk_ms / calls + coalesce(after_ms, 0)) / 1000, 1) AS mean_handling_seconds
FROM talk LEFT JOIN work USING (agent)
ORDER BY calls DESC, agent

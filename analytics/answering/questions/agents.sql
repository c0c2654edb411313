-- 坐席 · Calls and talk time of each agent
-- chart: bars agent talk_minutes
SELECT agent, count(*) AS calls, round(sum(talk_ms) / 60000, 1) AS talk_minutes,
       round(avg(talk_ms) / 1000, 1) AS mean_talk_seconds
FROM transfer
WHERE outcome = 'answered' AND on_days(happened, $since, $until)
GROUP BY agent
ORDER BY calls DESC, agent

-- 放弃位置 · Where calls end that got no answer from the line
-- chart: ranking dialogue hung_up gave_up
SELECT last_dialogue AS dialogue, count(*) AS calls,
       count(*) FILTER (disposition = 'hung_up') AS hung_up,
       count(*) FILTER (disposition = 'gave_up') AS gave_up,
       round(avg(ms) / 1000, 1) AS mean_seconds
FROM call_session
WHERE disposition IN ('hung_up', 'gave_up') AND completed = 0 AND transfers = 0
      AND on_days(started, $since, $until)
GROUP BY last_dialogue
ORDER BY calls DESC, dialogue

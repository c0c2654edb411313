-- 回访满意率 · How content callers were when they were asked afterwards, and what was done anew
SELECT kind, count(*) FILTER (move = 'follow_up') AS times,
       count(*) FILTER (move = 'follow_up' AND content) AS content,
       percent(count(*) FILTER (move = 'follow_up' AND content),
               count(*) FILTER (move = 'follow_up')) AS satisfied_percent,
       count(*) FILTER (move = 'redo') AS reopened
FROM case_step WHERE on_days(happened, $since, $until) AND move IN ('follow_up', 'redo')
GROUP BY kind ORDER BY kind

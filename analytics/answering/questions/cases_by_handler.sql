-- 承办人 · What each handler has answered, sent back and had reopened, and whether in time
SELECT handler, count(*) FILTER (move = 'answer') AS answers,
       percent(count(*) FILTER (move = 'answer' AND in_time), count(*) FILTER (move = 'answer'))
           AS in_time_percent,
       count(*) FILTER (move = 'ask') AS extensions, count(*) FILTER (move = 'redo') AS reopened,
       count(*) FILTER (move = 'follow_up' AND content) AS content,
       count(*) FILTER (move = 'follow_up' AND NOT content) AS discontent
FROM case_step WHERE on_days(happened, $since, $until) AND handler IS NOT NULL
GROUP BY handler ORDER BY answers DESC, handler

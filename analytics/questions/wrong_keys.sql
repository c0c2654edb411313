-- 按错键 · Wrong keys and silences at each question
SELECT prompt, count(*) AS asked,
       count(*) FILTER (heard IN ('no_match', 'invalid')) AS wrong,
       count(*) FILTER (heard = 'no_input') AS silent,
       percent(count(*) FILTER (heard IN ('no_match', 'invalid', 'no_input')), count(*))
           AS failed_percent
FROM call_step
WHERE verb IN ('menu', 'collect') AND on_days(happened, $since, $until)
GROUP BY prompt
ORDER BY wrong + silent DESC, prompt

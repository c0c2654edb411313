-- 按错键 · Wrong keys and silences at each question, of all times that it was asked
-- chart: ranking prompt wrong silent
SELECT prompt, sum(times)::BIGINT AS asked,
       coalesce(sum(times) FILTER (heard IN ('no_match', 'invalid')), 0)::BIGINT AS wrong,
       coalesce(sum(times) FILTER (heard = 'no_input'), 0)::BIGINT AS silent,
       coalesce(sum(times) FILTER (heard = 'hung_up'), 0)::BIGINT AS hung_up,
       percent(coalesce(sum(times) FILTER (heard IN ('no_match', 'invalid', 'no_input')), 0),
               sum(times)) AS failed_percent
FROM step_day
WHERE verb IN ('menu', 'collect') AND day BETWEEN $since AND $until
GROUP BY prompt
ORDER BY wrong + silent DESC, prompt

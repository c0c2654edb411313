-- 按键分布 · Which keys are pressed at each menu
SELECT prompt, key, sum(times)::BIGINT AS times,
       percent(sum(times), sum(sum(times)) OVER (PARTITION BY prompt)) AS percent
FROM step_day
WHERE verb = 'menu' AND key IS NOT NULL AND day BETWEEN $since AND $until
GROUP BY prompt, key
ORDER BY prompt, key

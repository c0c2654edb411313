-- 按键分布 · Which keys are pressed at each menu
SELECT prompt, key, count(*) AS times,
       percent(count(*), sum(count(*)) OVER (PARTITION BY prompt)) AS percent
FROM call_step
WHERE verb = 'menu' AND key IS NOT NULL AND on_days(happened, $since, $until)
GROUP BY prompt, key
ORDER BY prompt, key

-- 语音播放 · Prompts heard to the end, and cut short by a key
SELECT prompt, count(*) AS played, count(*) FILTER (interrupted) AS interrupted,
       percent(count(*) FILTER (interrupted), count(*)) AS interrupted_percent
FROM call_step
WHERE on_days(happened, $since, $until)
GROUP BY prompt
ORDER BY played DESC, prompt

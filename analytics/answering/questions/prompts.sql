-- 语音播放 · Prompts heard to the end, and cut short by a key
-- chart: bars prompt played interrupted
SELECT prompt, sum(times)::BIGINT AS played, sum(interrupted)::BIGINT AS interrupted,
       percent(sum(interrupted), sum(times)) AS interrupted_percent
FROM step_day
WHERE day BETWEEN $since AND $until
GROUP BY prompt
ORDER BY played DESC, prompt

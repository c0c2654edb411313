-- 外呼 · Calls that the line made itself, by purpose and outcome, and why it refused to make others
SELECT purpose, outcome, refused, count(*) AS times,
       round(avg(talk_ms) FILTER (outcome = 'answered') / 1000)::BIGINT AS mean_talk_seconds
FROM dialled
WHERE on_days(happened, $since, $until)
GROUP BY ALL ORDER BY purpose, times DESC, outcome, refused

-- 来电主题 · What agents wrote calls to be about, by what the caller had chosen and by agent
SELECT subject, key AS main_key, agent, count(*) AS calls,
       percent(count(*), sum(count(*)) OVER ()) AS calls_percent
FROM call_note
WHERE on_days(happened, $since, $until)
GROUP BY subject, key, agent
ORDER BY calls DESC, subject, key, agent

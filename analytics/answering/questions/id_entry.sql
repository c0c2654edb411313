-- 身份证输入 · How entries of an ID number end, and of a query password, and how many keys they had
-- chart: bars heard entries
SELECT if(prompt = 'password.ask', 'password', 'id_number') AS entry, heard,
       sum(times)::BIGINT AS entries,
       percent(sum(times), sum(sum(times)) OVER (PARTITION BY entry)) AS percent,
       round(sum(keys) / sum(times), 1) AS mean_keys,
       round(sum(ms) / sum(times) / 1000, 1) AS mean_seconds
FROM step_day
WHERE verb = 'collect' AND day BETWEEN $since AND $until
GROUP BY entry, heard
ORDER BY entry, entries DESC, heard

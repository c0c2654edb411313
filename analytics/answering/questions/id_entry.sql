-- 身份证输入 · How entries of an ID number end, and how many keys they had
-- chart: bars heard entries
SELECT heard, sum(times)::BIGINT AS entries, percent(sum(times), sum(sum(times)) OVER ()) AS percent,
       round(sum(keys) / sum(times), 1) AS mean_keys,
       round(sum(ms) / sum(times) / 1000, 1) AS mean_seconds
FROM step_day
WHERE verb = 'collect' AND day BETWEEN $since AND $until
GROUP BY heard
ORDER BY entries DESC, heard

-- 身份证输入 · How entries of an ID number end, and how many keys they had
SELECT heard, count(*) AS entries, percent(count(*), sum(count(*)) OVER ()) AS percent,
       round(avg(keys), 1) AS mean_keys, round(avg(ms) / 1000, 1) AS mean_seconds
FROM call_step
WHERE verb = 'collect' AND on_days(happened, $since, $until)
GROUP BY heard
ORDER BY entries DESC, heard

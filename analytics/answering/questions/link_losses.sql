-- 连接中断 · Losses of the connection to Asterisk, and the calls that went on after them
SELECT local_time(happened)::DATE AS day, node, count(*) FILTER (kind = 'lost') AS losses,
       coalesce(sum(adopted), 0)::BIGINT AS calls_adopted, max(ms) AS longest_ms
FROM link
WHERE on_days(happened, $since, $until)
GROUP BY day, node
ORDER BY day, node

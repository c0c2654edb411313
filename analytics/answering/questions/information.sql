-- 信息点播 · Texts of branches, policies and processes by how often they are heard
-- chart: ranking leaf heard to_the_end
SELECT leaf, count(*) AS heard, count(*) FILTER (complete) AS to_the_end,
       round(avg(ms) / 1000, 1) AS mean_seconds
FROM information
WHERE on_days(happened, $since, $until)
GROUP BY leaf
ORDER BY heard DESC, leaf

-- 坐席评价 · How content callers were with each agent, after the conversation
-- chart: bars agent mean_grade
SELECT agent, count(*) AS asked, count(*) FILTER (choice > 0) AS graded,
       count(*) FILTER (choice = 0) AS abstained,
       round(avg(choice) FILTER (choice > 0), 2) AS mean_grade,
       percent(count(*) FILTER (choice IN (1, 2)), count(*) FILTER (choice > 0))
           AS content_percent
FROM contentment
WHERE on_days(happened, $since, $until)
GROUP BY agent
ORDER BY agent

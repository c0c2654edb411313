-- 满意度趋势 · Grades, their mean, the satisfied (1 and 2) and 不表态 by day
-- chart: lines day mean_grade
SELECT day, count(grade) AS votes, round(avg(grade), 2) AS mean_grade,
       percent(count(*) FILTER (grade <= 2), count(grade)) AS satisfied_percent,
       count(*) - count(grade) AS abstained
FROM counted_vote
WHERE on_days(happened, $since, $until)
GROUP BY day
ORDER BY day

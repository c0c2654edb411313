-- 满意度趋势 · Grades, their mean (1 is best), the satisfied (1 and 2) and 不表态 by day
-- chart: lines day satisfied_percent
SELECT days.day, count(grade) AS votes, round(avg(grade), 2) AS mean_grade,
       percent(count(*) FILTER (grade <= 2), count(grade)) AS satisfied_percent,
       count(happened) - count(grade) AS abstained
FROM days_between($since, $until) AS days
LEFT JOIN counted_vote AS vote ON vote.day = days.day AND on_days(happened, $since, $until)
GROUP BY days.day
ORDER BY days.day

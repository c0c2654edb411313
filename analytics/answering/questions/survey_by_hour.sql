-- 满意度按小时 · Grades, their mean and 不表态 by hour of the day
-- chart: bars hour votes
SELECT hour, count(grade) AS votes, round(avg(grade), 2) AS mean_grade,
       count(happened) - count(grade) AS abstained
FROM range(24) AS hours(hour)
LEFT JOIN counted_vote ON hour(local_time(happened)) = hour AND on_days(happened, $since, $until)
GROUP BY hour
ORDER BY hour

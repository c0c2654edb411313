-- 满意度按小时 · Grades, their mean and 不表态 by hour of the day
-- chart: bars hour votes
SELECT hour(local_time(happened)) AS hour, count(grade) AS votes, round(avg(grade), 2) AS mean_grade,
       count(*) - count(grade) AS abstained
FROM counted_vote
WHERE on_days(happened, $since, $until)
GROUP BY hour
ORDER BY hour

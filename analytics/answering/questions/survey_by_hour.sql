-- 满意度按小时 · Votes and mean grade by hour of the day
-- chart: bars hour votes
SELECT hour, count(happened) AS votes, round(avg(choice), 2) AS mean_grade
FROM range(24) AS hours(hour)
LEFT JOIN counted_vote ON hour(local_time(happened)) = hour AND on_days(happened, $since, $until)
GROUP BY hour
ORDER BY hour

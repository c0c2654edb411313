-- 满意度按小时 · Votes and mean grade by hour of the day
-- chart: bars hour votes
SELECT hour(local_time(happened)) AS hour, count(*) AS votes, round(avg(choice), 2) AS mean_grade
FROM counted_vote
WHERE on_days(happened, $since, $until)
GROUP BY hour
ORDER BY hour

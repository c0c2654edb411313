-- 满意度趋势 · Votes, mean grade and share of the satisfied (1 and 2) by day
-- chart: lines day mean_grade
SELECT day, count(*) AS votes, round(avg(choice), 2) AS mean_grade,
       percent(count(*) FILTER (choice <= 2), count(*)) AS satisfied_percent
FROM counted_vote
WHERE on_days(happened, $since, $until)
GROUP BY day
ORDER BY day

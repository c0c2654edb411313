-- 满意度趋势 · Votes, mean grade (1 is best) and share of the satisfied (1 and 2) by day
-- chart: lines day satisfied_percent
SELECT days.day, count(happened) AS votes, round(avg(choice), 2) AS mean_grade,
       percent(count(*) FILTER (choice <= 2), count(choice)) AS satisfied_percent
FROM days_between($since, $until) AS days
LEFT JOIN counted_vote AS vote ON vote.day = days.day AND on_days(happened, $since, $until)
GROUP BY days.day
ORDER BY days.day

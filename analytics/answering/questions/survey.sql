-- 满意度 · Votes by grade; one per person and day counts, the last
-- chart: bars words votes
SELECT grade, ['非常满意', '满意', '一般', '不满意', '非常不满意'][grade] AS words,
       count(choice) AS votes, percent(count(choice), sum(count(choice)) OVER ()) AS percent
FROM unnest([1, 2, 3, 4, 5]) AS scale(grade)
LEFT JOIN counted_vote ON choice = grade AND on_days(happened, $since, $until)
GROUP BY grade
ORDER BY grade

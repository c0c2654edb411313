-- 满意度 · Votes by grade, and 不表态; one per person and day counts, the last
-- chart: bars words votes
SELECT scale.choice AS grade,
       ['非常满意', '满意', '一般', '不满意', '非常不满意', '不表态'][place] AS words,
       count(event) AS votes, percent(count(event), sum(count(event)) OVER ()) AS percent
FROM unnest([1, 2, 3, 4, 5, 0]) WITH ORDINALITY AS scale(choice, place)
LEFT JOIN counted_vote AS vote
       ON vote.choice = scale.choice AND on_days(happened, $since, $until)
GROUP BY scale.choice, place
ORDER BY place

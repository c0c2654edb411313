-- 投票明细 · Every vote that counts, with the token that `ivr who` traces to the voter
SELECT local_time(happened) AS voted, choice,
       coalesce(['非常满意', '满意', '一般', '不满意', '非常不满意'][choice], '不表态') AS words, person, session
FROM counted_vote
WHERE on_days(happened, $since, $until)
ORDER BY happened, event

-- 工单漏斗 · From key 6 to 办结: of calls that came to it, and of the cases that were made of them
-- chart: funnel stage calls
WITH reached AS (
    SELECT count(DISTINCT session) AS calls FROM dialogue_visit
    WHERE on_days(happened, $since, $until) AND dialogue IN ('feedback', 'feedback.menu')
), made AS (
    -- Others did not come by key 6: messages of who found no agent, votes, cases opened by hand.
    SELECT reference FROM case_step
    WHERE move = 'open' AND kind IN ('complaint', 'suggestion') AND on_days(happened, $since, $until)
), gone AS (
    -- What a caller spoke anew was merged at once: it is one case.
    SELECT reference, bool_or(move = 'accept') AS accepted, bool_or(move = 'answer') AS answered,
           bool_or(move = 'close') AS closed, bool_or(state = 'merged') AS merged
    FROM case_step WHERE reference IN (FROM made) GROUP BY reference
), counted AS (
    SELECT [(SELECT calls FROM reached), count(*) FILTER (NOT merged), count(*) FILTER (accepted),
            count(*) FILTER (answered), count(*) FILTER (closed)] AS calls
    FROM gone
)
SELECT ['按 6', '登记', '受理', '答复', '办结'][n] AS stage, calls[n] AS calls,
       percent(calls[n], calls[1]) AS percent
FROM counted, unnest([1, 2, 3, 4, 5]) AS stages(n) ORDER BY n

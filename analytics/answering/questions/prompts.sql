-- 语音播放 · Sentences said: heard to the end, cut short by a key or by hanging up, typed over
-- chart: ranking prompt to_the_end interrupted hung_up
WITH said AS (
    SELECT prompt, times - coalesce(typed_over, 0) - coalesce(opening_cut, 0) AS played,
           coalesce(cut, interrupted) AS interrupted, coalesce(left_in, 0) AS hung_up,
           coalesce(typed_over, 0) AS typed_over
    FROM step_day WHERE day BETWEEN $since AND $until
    UNION ALL
    SELECT opening, times - typed_over, if(heard = 'hung_up', 0, opening_cut),
           if(heard = 'hung_up', opening_cut, 0), typed_over
    FROM step_day WHERE opening IS NOT NULL AND day BETWEEN $since AND $until
)
SELECT prompt, sum(played)::BIGINT AS played,
       (sum(played) - sum(interrupted) - sum(hung_up))::BIGINT AS to_the_end,
       sum(interrupted)::BIGINT AS interrupted,
       percent(sum(interrupted), sum(played)) AS interrupted_percent,
       sum(hung_up)::BIGINT AS hung_up, sum(typed_over)::BIGINT AS typed_over
FROM said
GROUP BY prompt
ORDER BY played DESC, prompt

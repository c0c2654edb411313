-- 菜单漏斗 · Per place of the script: visits, what callers pressed, where they hung up
WITH visit AS (
    SELECT dialogue, count(*) AS visits, count(DISTINCT session) AS calls
    FROM dialogue_visit WHERE on_days(happened, $since, $until) GROUP BY dialogue
), step AS (
    SELECT dialogue, count(*) FILTER (heard = 'match') AS chosen,
           count(*) FILTER (heard = 'no_input') AS silent,
           count(*) FILTER (heard IN ('no_match', 'invalid')) AS wrong,
           count(*) FILTER (heard = 'back' OR key = '*') AS back,
           round(avg(ms) / 1000, 1) AS mean_seconds
    FROM call_step WHERE on_days(happened, $since, $until) GROUP BY dialogue
), left_here AS (
    SELECT last_dialogue AS dialogue, count(*) AS hung_up
    FROM call_session
    WHERE on_days(started, $since, $until) AND disposition = 'hung_up' GROUP BY last_dialogue
)
SELECT dialogue, coalesce(visits, 0) AS visits, coalesce(calls, 0) AS calls,
       coalesce(chosen, 0) AS chosen, coalesce(silent, 0) AS silent, coalesce(wrong, 0) AS wrong,
       coalesce(back, 0) AS back, coalesce(hung_up, 0) AS hung_up, mean_seconds
FROM visit FULL JOIN step USING (dialogue) FULL JOIN left_here USING (dialogue)
ORDER BY visits DESC, dialogue

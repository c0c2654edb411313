-- 菜单漏斗 · Per place of the script: visits, what callers did, where they hung up
-- chart: ranking dialogue visits
WITH crossing AS (
    -- Of the few calls that go on over midnight, a place that was visited on both days counts once.
    SELECT session FROM call_session
    WHERE on_days(started, $since::DATE - 1, $until)
      AND local_time(started)::DATE <> local_time(coalesce(ended, 'infinity'))::DATE
), twice AS (
    SELECT dialogue, count(DISTINCT (session, local_time(happened)::DATE))
           - count(DISTINCT session) AS calls
    FROM dialogue_visit
    WHERE session IN (FROM crossing) AND on_days(happened, $since, $until) GROUP BY dialogue
), visit AS (
    SELECT dialogue, sum(visits) AS visits, sum(calls) AS calls
    FROM visit_day WHERE day BETWEEN $since AND $until GROUP BY dialogue
), step AS (
    SELECT dialogue, sum(times) FILTER (heard = 'match') AS chosen,
           sum(times) FILTER (heard = 'no_input') AS silent,
           sum(times) FILTER (heard IN ('no_match', 'invalid')) AS wrong,
           sum(times) FILTER (heard = 'back') AS back,
           sum(times) FILTER (heard = 'agent' OR (key = '0' AND heard = 'match')) AS agent,
           round(sum(ms) / sum(times) / 1000, 1) AS mean_seconds
    FROM step_day WHERE day BETWEEN $since AND $until GROUP BY dialogue
), left_here AS (
    SELECT last_dialogue AS dialogue, count(*) AS hung_up
    FROM call_session
    WHERE on_days(started, $since::DATE - 1, $until) AND on_days(ended, $since, $until)
      AND disposition = 'hung_up'
    GROUP BY last_dialogue
)
SELECT dialogue, coalesce(visits, 0)::BIGINT AS visits,
       coalesce(visit.calls - coalesce(twice.calls, 0), 0)::BIGINT AS calls,
       coalesce(chosen, 0)::BIGINT AS chosen, coalesce(silent, 0)::BIGINT AS silent,
       coalesce(wrong, 0)::BIGINT AS wrong, coalesce(back, 0)::BIGINT AS back,
       coalesce(agent, 0)::BIGINT AS agent, coalesce(hung_up, 0)::BIGINT AS hung_up, mean_seconds
FROM visit LEFT JOIN twice USING (dialogue) FULL JOIN step USING (dialogue)
FULL JOIN left_here USING (dialogue)
ORDER BY visits DESC, dialogue

-- 排队 · Callers who asked for an agent: answered, given up, within the limits, the longest wait
-- chart: lines day offered answered abandoned
-- Who asks out of hours cannot be answered and is not offered.
WITH wish AS (
    SELECT local_time(happened)::DATE AS day, outcome, ring_ms, talk_ms
    FROM transfer WHERE outcome <> 'closed' AND on_days(happened, $since, $until)
), work AS (
    SELECT local_time(happened)::DATE AS day,
           sum(ms) FILTER (was = 'wrap_up') / nullif(count(*) FILTER (was = 'talking'), 0) AS ms
    FROM agent_move WHERE on_days(happened, $since, $until) GROUP BY day
)
SELECT day, count(outcome) AS offered,
       count(*) FILTER (outcome = 'answered') AS answered,
       count(*) FILTER (outcome = 'abandoned') AS abandoned,
       count(*) FILTER (outcome = 'callback') AS rather_called_back,
       count(*) FILTER (outcome = 'message') AS rather_message,
       count(*) FILTER (outcome NOT IN ('answered', 'abandoned', 'callback', 'message'))
           AS not_answered,
       $short AS short_seconds,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= $short * 1000),
               count(outcome)) AS within_short_percent,
       $long AS long_seconds,
       percent(count(*) FILTER (outcome = 'answered' AND ring_ms <= $long * 1000),
               count(outcome)) AS within_long_percent,
       round(max(ring_ms) / 1000, 1) AS longest_wait_seconds,
       round(avg(talk_ms) FILTER (outcome = 'answered') / 1000, 1) AS mean_talk_seconds,
       round(any_value(work.ms) / 1000, 1) AS mean_after_work_seconds
FROM days_between($since, $until) LEFT JOIN wish USING (day) LEFT JOIN work USING (day)
GROUP BY day
ORDER BY day

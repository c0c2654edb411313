-- 异常 · The last day against the same weekday of the four weeks before it
-- Unusual: beyond everything that these days saw, and a quarter away from their mean. Days without
-- any call (the line was not there yet) say nothing.
WITH day AS (
    SELECT $until::DATE - 7 * n::INTEGER AS day, n FROM unnest([0, 1, 2, 3, 4]) AS weeks(n)
), moment AS (
    SELECT local_time(started)::DATE AS day, * FROM call_session
    WHERE on_days(started, $until::DATE - 28, $until)
), figure AS (
    SELECT n, count(session) AS calls, count(answered) AS answered,
           percent(count(*) FILTER (completed > 0 AND transfers = 0), count(answered))
               AS self_service_percent,
           count(*) FILTER (transfers > 0) AS asked_for_agent,
           count(*) FILTER (disposition IN ('hung_up', 'gave_up') AND completed = 0
                            AND transfers = 0) AS left_without_answer,
           count(*) FILTER (disposition IN ('failed', 'asterisk_lost', 'service_lost')) AS lost,
           round(avg(ms) / 1000, 1) AS mean_seconds
    FROM day LEFT JOIN moment USING (day) GROUP BY n HAVING n = 0 OR count(session) > 0
), long AS (
    UNPIVOT (SELECT n, COLUMNS(* EXCLUDE (n))::DOUBLE FROM figure) ON * EXCLUDE (n)
    INTO NAME figure VALUE value
)
SELECT figure, any_value(value) FILTER (n = 0) AS today,
       round(avg(value) FILTER (n > 0), 1) AS usual,
       min(value) FILTER (n > 0) AS least, max(value) FILTER (n > 0) AS most,
       coalesce((today < least OR today > most) AND abs(today - usual) > 0.25 * usual, false)
           AS unusual
FROM long
GROUP BY figure
ORDER BY unusual DESC, figure

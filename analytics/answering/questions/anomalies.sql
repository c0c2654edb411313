-- 异常 · The last day until now against days of its kind before it, until the same time of day
-- Of its kind: the same weekday, holidays and days worked instead apart (settings). Unusual: a
-- quarter away from their median, and three times as far as they usually are (the median of their
-- own distances, so that one outage among them spoils nothing). Days without any call say nothing.
WITH day AS (
    SELECT $until::DATE AS day, true AS today
    UNION ALL SELECT unnest($usual::DATE[]), false
), moment AS (
    SELECT local_time(started)::DATE AS day, * FROM every_call
    WHERE on_days(started, $until::DATE - 70, $until)
      AND local_time(started) - local_time(started)::DATE::TIMESTAMP
          < $now::TIMESTAMP - $until::DATE::TIMESTAMP
), figure AS (
    SELECT day, today, count(started) AS calls, count(*) FILTER (served) AS answered,
           percent(count(*) FILTER (completed > 0 AND transfers = 0), count(*) FILTER (served))
               AS self_service_percent,
           count(*) FILTER (transfers > 0) AS asked_for_agent,
           count(*) FILTER (disposition IN ('hung_up', 'gave_up') AND completed = 0
                            AND transfers = 0) AS left_without_answer,
           count(*) FILTER (disposition IN ('closed', 'refused', 'line_overrun', 'draining', 'not_taken',
                                            'away', 'unserved')) AS turned_away,
           count(*) FILTER (disposition = 'vanished') AS vanished,
           count(*) FILTER (disposition IN ('failed', 'asterisk_lost', 'service_lost')) AS lost,
           round(avg(ms) FILTER (served) / 1000, 1) AS mean_seconds
    FROM day LEFT JOIN moment USING (day) GROUP BY day, today HAVING today OR count(started) > 0
), long AS (
    UNPIVOT (SELECT day, today, COLUMNS(* EXCLUDE (day, today))::DOUBLE FROM figure)
    ON * EXCLUDE (day, today) INTO NAME figure VALUE value
), usual AS (
    SELECT figure, median(value) AS usual, mad(value) AS apart, min(value) AS least,
           max(value) AS most
    FROM long WHERE NOT today GROUP BY figure
)
SELECT name AS figure, any_value(value) AS today, round(any_value(usual), 1) AS usual,
       any_value(least) AS least, any_value(most) AS most,
       coalesce(abs(any_value(value) - any_value(usual))
                > greatest(0.25 * any_value(usual), 3 * 1.4826 * any_value(apart)), false)
           AS unusual
FROM unnest(['calls', 'answered', 'self_service_percent', 'asked_for_agent',
             'left_without_answer', 'turned_away', 'vanished', 'lost', 'mean_seconds'])
     WITH ORDINALITY AS names(name, place)
LEFT JOIN (SELECT figure, value FROM long WHERE today) AS now ON now.figure = name
LEFT JOIN usual ON usual.figure = name
GROUP BY name, place
ORDER BY unusual DESC, place

-- 概况 · The range in one row: calls, answered, self-service, transfers, survey
SELECT count(*) AS calls,
       count(*) FILTER (served) AS answered,
       count(*) FILTER (completed > 0 AND transfers = 0) AS self_served,
       percent(count(*) FILTER (completed > 0 AND transfers = 0), count(*) FILTER (served))
           AS self_service_percent,
       count(*) FILTER (transfers > 0) AS asked_for_agent,
       count(*) FILTER (disposition IN ('closed', 'refused', 'line_overrun')) AS turned_away,
       count(*) FILTER (disposition IN ('draining', 'not_taken', 'away', 'unserved')) AS not_reached,
       count(*) FILTER (disposition = 'vanished') AS vanished,
       count(*) FILTER (disposition IN ('failed', 'asterisk_lost', 'service_lost')) AS lost,
       round(avg(ms) FILTER (served) / 1000, 1) AS mean_seconds,
       (SELECT count(grade) FROM counted_vote WHERE on_days(happened, $since, $until)) AS votes,
       (SELECT round(avg(grade), 2) FROM counted_vote WHERE on_days(happened, $since, $until))
           AS mean_grade
FROM every_call
WHERE on_days(started, $since, $until)

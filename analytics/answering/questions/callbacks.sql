-- 回电 · Wishes to be called back by the day they were left: reached, given up, withdrawn, still open
-- chart: lines day wished reached
-- Minutes are from the place in the queue that the caller gave up to the end of the talk.
WITH wish AS (
    SELECT local_time(wished.happened)::DATE AS day, wished.event, ended.ending, ended.tries, ended.ms
    FROM callback_wish AS wished LEFT JOIN callback_over AS ended
        ON ended.session = wished.session AND ended.person = wished.person
           AND ended.happened >= wished.happened
    WHERE on_days(wished.happened, $since, $until)
    QUALIFY row_number() OVER (PARTITION BY wished.event ORDER BY ended.happened) = 1
)
SELECT day, count(event) AS wished,
       count(*) FILTER (ending = 'reached') AS reached,
       count(*) FILTER (ending = 'given_up') AS given_up,
       count(*) FILTER (ending = 'withdrawn') AS withdrawn,
       count(event) FILTER (ending IS NULL) AS still_open,
       round(avg(tries + 1) FILTER (ending = 'reached'), 1) AS mean_calls,
       round(median(ms) FILTER (ending = 'reached') / 60000, 1) AS median_minutes
FROM days_between($since, $until) LEFT JOIN wish USING (day)
GROUP BY day
ORDER BY day

-- What callers came to hear after each sentence; NULL where the call was over.
WITH step AS (
    SELECT session, prompt, lead(coalesce(opening, prompt)) OVER (
        PARTITION BY session ORDER BY n) AS following
    FROM call_step WHERE on_days(happened, $since, $until)
)
SELECT prompt, following, count(*) AS times,
       percent(count(*), sum(count(*)) OVER (PARTITION BY prompt)) AS percent
FROM step
GROUP BY prompt, following
QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY times DESC, following) <= $most
ORDER BY prompt, times DESC, following

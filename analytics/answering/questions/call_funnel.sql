-- 来电漏斗 · From coming in to an inquiry completed by the line itself
-- chart: funnel stage calls
WITH counted AS (
    SELECT [count(*), count(*) FILTER (served),
            count(*) FILTER (served AND lookups + completed + transfers > 0),
            count(*) FILTER (served AND completed > 0),
            count(*) FILTER (served AND completed > 0 AND transfers = 0)] AS calls
    FROM every_call WHERE on_days(started, $since, $until)
)
SELECT ['来电', '接通', '提出请求', '办成', '自助办成'][n] AS stage, calls[n] AS calls,
       percent(calls[n], calls[1]) AS percent
FROM counted, unnest([1, 2, 3, 4, 5]) AS stages(n)
ORDER BY n

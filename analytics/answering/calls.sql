-- Calls of some days, the newest first; of those with an end, a place or a session, where wanted.
SELECT session, local_time(started) AS started, ms, disposition, last_dialogue, lookups, transfers
FROM call_session
WHERE on_days(started, $since, $until)
  AND ($disposition IS NULL OR disposition = $disposition)
  AND ($place IS NULL OR session IN (
      SELECT session FROM dialogue_visit
      WHERE dialogue = $place OR starts_with(dialogue, $place || '.')))
  AND ($begins IS NULL OR starts_with(session, $begins))
  AND ($from_clock IS NULL OR strftime(local_time(started), '%H:%M') >= $from_clock)
  AND ($to_clock IS NULL OR strftime(local_time(started), '%H:%M') <= $to_clock)
ORDER BY started DESC, session LIMIT $most

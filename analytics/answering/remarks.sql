-- What macros mean, and columns that no table of facts has; a lake cannot keep it.
COMMENT ON MACRO local_time IS 'Beijing time, which has known no summer time since 1991.';
COMMENT ON MACRO on_days IS 'Whether a UTC time is within two days of Beijing time, both included.';
COMMENT ON MACRO percent IS 'A share of a whole in percent, to one decimal; NULL of nothing.';
COMMENT ON MACRO TABLE steps_by_day IS 'Steps counted by day, from a table of steps.';
COMMENT ON MACRO TABLE visits_by_day IS 'Visits of places counted by day, from a table of visits.';

COMMENT ON COLUMN recording.state IS 'new, replaced (spoken again), handled, deleted: the state it was moved to last.';
COMMENT ON COLUMN recording.moved IS 'When it came to this state, UTC; NULL while new.';
COMMENT ON COLUMN call_local.started_local IS 'When the call came in, Beijing time.';
COMMENT ON COLUMN call_local.day IS 'Its day in Beijing.';
COMMENT ON COLUMN counted_vote.grade IS '1 (best) to 5; NULL: 不表态, so that no mean counts it.';
COMMENT ON COLUMN counted_vote.day IS 'Its day in Beijing.';
COMMENT ON COLUMN step_day.day IS 'Day in Beijing.';
COMMENT ON COLUMN step_day.times IS 'Steps of this kind on this day; sum it.';
COMMENT ON COLUMN step_day.interrupted IS 'Of these, cut short by a key.';
COMMENT ON COLUMN step_day.keys IS 'Keys pressed in all of these.';
COMMENT ON COLUMN step_day.ms IS 'Milliseconds of all of these.';
COMMENT ON COLUMN visit_day.day IS 'Day in Beijing.';
COMMENT ON COLUMN visit_day.visits IS 'Visits of this place on this day; sum it.';
COMMENT ON COLUMN visit_day.calls IS 'Calls that came here for the first time; sum it.';

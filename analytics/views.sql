-- What analysts ask for besides the facts themselves; made anew whenever the loader starts.
CREATE OR REPLACE VIEW recording AS
SELECT saved.* REPLACE (coalesce(moved_to.state, saved.state) AS state), moved_to.happened AS moved
FROM recording_saved AS saved
LEFT JOIN (SELECT reference, arg_max(state, happened) AS state, max(happened) AS happened
           FROM recording_move GROUP BY reference) AS moved_to USING (reference);
COMMENT ON VIEW recording IS 'A complaint, a suggestion or a message, in its state of today.';
COMMENT ON COLUMN recording.state IS 'new, handled, deleted: the state it was moved to last.';
COMMENT ON COLUMN recording.moved IS 'When it came to this state, UTC; NULL while new.';

CREATE OR REPLACE VIEW call_local AS
SELECT *, local_time(started) AS started_local, local_time(started)::DATE AS day FROM call_session;
COMMENT ON VIEW call_local IS 'call_session with Beijing time and day.';

CREATE OR REPLACE VIEW counted_vote AS
SELECT *, local_time(happened)::DATE AS day FROM survey_vote
QUALIFY row_number() OVER (
    PARTITION BY person, local_time(happened)::DATE ORDER BY happened DESC, event DESC) = 1;
COMMENT ON VIEW counted_vote IS 'One vote per person and day: the last.';

COMMENT ON COLUMN call_local.started_local IS 'When the call came in, Beijing time.';
COMMENT ON COLUMN call_local.day IS 'Its day in Beijing.';
COMMENT ON COLUMN counted_vote.day IS 'Its day in Beijing.';
COMMENT ON COLUMN step_day.day IS 'Day in Beijing.';
COMMENT ON COLUMN step_day.times IS 'Steps of this kind on this day; sum it.';
COMMENT ON COLUMN step_day.interrupted IS 'Of these, cut short by a key.';
COMMENT ON COLUMN step_day.keys IS 'Keys pressed in all of these.';
COMMENT ON COLUMN step_day.ms IS 'Milliseconds of all of these.';
COMMENT ON COLUMN visit_day.day IS 'Day in Beijing.';
COMMENT ON COLUMN visit_day.visits IS 'Visits of this place on this day; sum it.';
COMMENT ON COLUMN visit_day.calls IS 'Calls that came here for the first time; sum it.';

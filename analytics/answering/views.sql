-- What analysts ask for besides the facts themselves; made anew whenever the loader starts.
CREATE OR REPLACE VIEW recording AS
SELECT saved.* REPLACE (coalesce(moved_to.state, saved.state) AS state), moved_to.happened AS moved
FROM recording_saved AS saved
LEFT JOIN (SELECT reference, arg_max(state, happened) AS state, max(happened) AS happened
           FROM recording_move GROUP BY reference) AS moved_to USING (reference);
COMMENT ON VIEW recording IS 'A complaint, a suggestion or a message, in its state of today.';

CREATE OR REPLACE VIEW call_local AS
SELECT *, local_time(started) AS started_local, local_time(started)::DATE AS day FROM call_session;
COMMENT ON VIEW call_local IS 'call_session with Beijing time and day.';

CREATE OR REPLACE VIEW counted_vote AS
SELECT *, nullif(choice, 0) AS grade, local_time(happened)::DATE AS day FROM survey_vote
QUALIFY row_number() OVER (
    PARTITION BY person, local_time(happened)::DATE ORDER BY happened DESC, event DESC) = 1;
COMMENT ON VIEW counted_vote IS 'One vote per person and day: the last.';

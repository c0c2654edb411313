-- What analysts ask for besides the facts themselves; made anew whenever the loader starts.
CREATE OR REPLACE VIEW recording AS
WITH move AS (
    SELECT *, state IS DISTINCT FROM lag(state) OVER (
        PARTITION BY reference ORDER BY happened, event) AS anew
    FROM recording_move
), moved_to AS (
    -- Handling what is handled changes nothing: it came to its state when that began.
    SELECT reference, arg_max(state, happened) AS state, max(happened) FILTER (anew) AS moved,
           min(happened) FILTER (state = 'handled') AS first_handled,
           max(happened) FILTER (state = 'handled') AS last_handled
    FROM move GROUP BY reference
)
SELECT saved.* REPLACE (coalesce(moved_to.state, saved.state) AS state),
       moved_to.moved, moved_to.first_handled, moved_to.last_handled
FROM recording_saved AS saved LEFT JOIN moved_to USING (reference);
COMMENT ON VIEW recording IS 'A complaint, a suggestion or a message, in its state of today.';

CREATE OR REPLACE VIEW case_step AS
SELECT DISTINCT ON (reference, n) * FROM case_move ORDER BY reference, n, happened;
COMMENT ON VIEW case_step IS 'What was done with a case, each event once, however often it was told.';

CREATE OR REPLACE VIEW unseen_call AS
-- A call that was refused stands in Asterisk's record too: there with its length, here with why.
SELECT any_value(event) AS event, any_value(channel) AS channel, min(came) AS started,
       min(came) + INTERVAL 1 MILLISECOND * max(ms) AS ended, max(ms)::BIGINT AS ms,
       arg_min(reason, trust) AS reason
FROM (
    SELECT event, channel, happened AS came, NULL::BIGINT AS ms, reason, 1 AS trust FROM refusal
    WHERE session IS NULL AND reason IN ('line_overrun', 'draining', 'not_taken')
      AND NOT EXISTS (FROM call_session WHERE call_session.channel = refusal.channel)
    UNION ALL
    SELECT event, channel, happened - INTERVAL 1 MILLISECOND * ms, ms,
           if(away, 'away', 'unserved'), 2
    FROM carried)
GROUP BY coalesce(channel, event::VARCHAR);
COMMENT ON VIEW unseen_call IS 'A call of which there is no session: refused unseen, or carried by Asterisk while no service was there.';

CREATE OR REPLACE VIEW every_call AS
SELECT session, caller, started, ended, ms, disposition, last_dialogue, lookups, completed,
       transfers, answered IS NOT NULL
           AND coalesce(disposition NOT IN ('closed', 'refused'), true) AS served
FROM call_session
UNION ALL
SELECT NULL, NULL, started, ended, ms, reason, NULL, 0, 0, 0, false FROM unseen_call;
COMMENT ON VIEW every_call IS 'call_session, and the calls that are in it only by their absence (unseen_call).';

CREATE OR REPLACE VIEW call_local AS
SELECT *, local_time(started) AS started_local, local_time(started)::DATE AS day FROM call_session;
COMMENT ON VIEW call_local IS 'call_session with Beijing time and day.';

CREATE OR REPLACE VIEW counted_vote AS
SELECT *, nullif(choice, 0) AS grade, local_time(happened)::DATE AS day FROM survey_vote
QUALIFY row_number() OVER (
    PARTITION BY person, local_time(happened)::DATE ORDER BY happened DESC, event DESC) = 1;
COMMENT ON VIEW counted_vote IS 'One vote per person and day: the last.';

-- From `incoming`, the new lines of one spool file as a table, to the tables of the facts.

-- New rows of one kind: each event once, and none that the table knows already. A known event has
-- the same time, so only the table's rows since the oldest new one are compared.
CREATE OR REPLACE TEMP MACRO fresh(kind_of_fact, known_table) AS TABLE
SELECT DISTINCT ON (id) * FROM incoming
WHERE fact = kind_of_fact AND id NOT IN (
    SELECT event FROM query_table(known_table)
    WHERE happened >= (SELECT min(happened) FROM incoming WHERE fact = kind_of_fact));

CREATE OR REPLACE TEMP TABLE touched AS
SELECT DISTINCT session FROM incoming WHERE session IS NOT NULL;

INSERT INTO call_step
SELECT id, session, n, happened, dialogue, verb, prompt, heard, key, keys, interrupted, ms
FROM fresh('Step', 'call_step');

INSERT INTO dialogue_visit
SELECT id, session, happened, dialogue FROM fresh('DialogueEntered', 'dialogue_visit');

INSERT INTO lookup
SELECT id, session, happened, source, person, outcome, ms FROM fresh('LookedUp', 'lookup');

INSERT INTO information
SELECT id, session, happened, leaf, complete, ms FROM fresh('Informed', 'information');

INSERT INTO transfer
SELECT id, session, happened, agent, outcome, ring_ms, talk_ms
FROM fresh('Transferred', 'transfer');

INSERT INTO recording
SELECT id, session, happened, kind, person, path, ms, bytes, sha256, reference, state, NULL
FROM fresh('Recorded', 'recording');

INSERT INTO recording_move
SELECT id, happened, reference, state FROM fresh('RecordingMoved', 'recording_move');

INSERT INTO survey_vote
SELECT id, session, happened, person, choice FROM fresh('Voted', 'survey_vote');

INSERT INTO refusal SELECT id, session, happened, reason FROM fresh('Refused', 'refusal');

INSERT INTO link
SELECT id, node, happened, if(fact = 'LinkLost', 'lost', 'restored'), reason, adopted, ms
FROM (FROM fresh('LinkLost', 'link') UNION ALL FROM fresh('LinkRestored', 'link'));

INSERT INTO session_resumed
SELECT id, session, happened, dialogue FROM fresh('SessionResumed', 'session_resumed');

-- A recording is in the state it was moved to last, whichever fact came first.
UPDATE recording SET state = last.state, moved = last.happened
FROM (SELECT reference, arg_max(state, happened) AS state, max(happened) AS happened
      FROM recording_move GROUP BY reference) AS last
WHERE recording.reference = last.reference
  AND (recording.reference IN (SELECT reference FROM incoming WHERE fact = 'RecordingMoved')
       OR recording.session IN (FROM touched));

-- What is known of a session and what is new become one row; doing it twice changes nothing.
CREATE OR REPLACE TEMP TABLE merged AS
WITH part AS (
    SELECT session, node, channel, dialled, caller, catalog, started, answered, ended, answer_ms,
           ms, disposition, last_dialogue, cause
    FROM call_session WHERE session IN (FROM touched)
    UNION ALL
    SELECT session,
           if(fact = 'SessionStarted', node, NULL), channel, dialled, caller, catalog,
           if(fact = 'SessionStarted', happened, NULL),
           if(fact = 'SessionAnswered', happened, NULL),
           if(fact = 'SessionEnded', happened, NULL), after_ms,
           if(fact = 'SessionEnded', ms, NULL), disposition,
           if(fact = 'SessionEnded', dialogue, NULL), cause
    FROM incoming WHERE fact IN ('SessionStarted', 'SessionAnswered', 'SessionEnded')
)
SELECT session, any_value(node), any_value(channel), any_value(dialled), any_value(caller),
       any_value(catalog), min(started), min(answered), min(ended), any_value(answer_ms),
       arg_min(ms, ended), arg_min(disposition, ended), arg_min(last_dialogue, ended),
       arg_min(cause, ended)
FROM part GROUP BY session;

DELETE FROM call_session WHERE session IN (FROM touched);

INSERT INTO call_session
WITH resumed AS (SELECT session, count(*) AS times FROM session_resumed
                 WHERE session IN (FROM touched) GROUP BY session),
     step AS (SELECT session, count(*) AS times FROM call_step
              WHERE session IN (FROM touched) GROUP BY session),
     asked AS (SELECT session, count(*) AS times, count(*) FILTER (outcome = 'found') AS found
               FROM lookup WHERE session IN (FROM touched) GROUP BY session),
     done AS (
         SELECT session, count(*) AS times FROM (
             SELECT session FROM information WHERE complete AND session IN (FROM touched)
             UNION ALL SELECT session FROM survey_vote WHERE session IN (FROM touched)
             UNION ALL SELECT session FROM recording WHERE session IN (FROM touched))
         GROUP BY session),
     wished AS (SELECT session, count(*) AS times, sum(ring_ms) AS ring, sum(talk_ms) AS talk
                FROM transfer WHERE session IN (FROM touched) GROUP BY session)
SELECT merged.*, coalesce(resumed.times, 0), coalesce(step.times, 0), coalesce(asked.times, 0),
       coalesce(asked.found, 0) + coalesce(done.times, 0), coalesce(wished.times, 0),
       coalesce(wished.ring, 0), coalesce(wished.talk, 0)
FROM merged
LEFT JOIN resumed USING (session) LEFT JOIN step USING (session) LEFT JOIN asked USING (session)
LEFT JOIN done USING (session) LEFT JOIN wished USING (session);

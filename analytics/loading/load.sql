-- From `incoming`, the new lines of one spool file as a table, to the tables of the facts.
-- {known} is `hot`, or `main` with the closed days when something in the batch is as old as they.

-- An event is taken once. A known one has the same time, so only that time is searched.
DELETE FROM incoming WHERE id IN (
    SELECT event FROM (
        SELECT event, happened FROM {known}.call_step
        UNION ALL SELECT event, happened FROM {known}.dialogue_visit
        UNION ALL SELECT event, happened FROM {known}.lookup
        UNION ALL SELECT event, happened FROM {known}.information
        UNION ALL SELECT event, happened FROM {known}.transfer
        UNION ALL SELECT event, happened FROM {known}.recording_saved
        UNION ALL SELECT event, happened FROM {known}.recording_move
        UNION ALL SELECT event, happened FROM {known}.case_move
        UNION ALL SELECT event, happened FROM {known}.survey_vote
        UNION ALL SELECT event, happened FROM {known}.refusal
        UNION ALL SELECT event, happened FROM {known}.link
        UNION ALL SELECT event, happened FROM {known}.session_resumed
        UNION ALL SELECT event, happened FROM {known}.carried
        UNION ALL SELECT event, happened FROM {known}.probe
        UNION ALL SELECT event, happened FROM {known}.agent_move
        UNION ALL SELECT event, happened FROM {known}.dialled
        UNION ALL SELECT event, happened FROM {known}.queue_entry
        UNION ALL SELECT event, happened FROM {known}.queue_told
        UNION ALL SELECT event, happened FROM {known}.callback_wish
        UNION ALL SELECT event, happened FROM {known}.callback_over
        UNION ALL SELECT event, happened FROM {known}.desk_act
        UNION ALL SELECT event, happened FROM {known}.talk_recording
        UNION ALL SELECT event, happened FROM {known}.call_note
        UNION ALL SELECT event, happened FROM {known}.contentment)
    WHERE happened BETWEEN getvariable('oldest') AND getvariable('newest'));

CREATE OR REPLACE TEMP TABLE touched AS
SELECT DISTINCT session FROM incoming WHERE session IS NOT NULL;

INSERT INTO hot.call_step
SELECT id, session, n, happened, dialogue, verb, prompt, heard, key, keys, interrupted, ms,
       said, opening, figures
FROM incoming WHERE fact = 'Step';

INSERT INTO hot.dialogue_visit
SELECT id, session, happened, dialogue FROM incoming WHERE fact = 'DialogueEntered';

INSERT INTO hot.lookup
SELECT id, session, happened, source, person, outcome, ms FROM incoming WHERE fact = 'LookedUp';

INSERT INTO hot.information
SELECT id, session, happened, leaf, complete, ms FROM incoming WHERE fact = 'Informed';

INSERT INTO hot.transfer
SELECT id, session, happened, agent, outcome, ring_ms, talk_ms
FROM incoming WHERE fact = 'Transferred';

INSERT INTO hot.recording_saved
SELECT id, session, happened, kind, person, path, ms, bytes, sha256, reference, state
FROM incoming WHERE fact = 'Recorded';

INSERT INTO hot.recording_move
SELECT id, happened, reference, state FROM incoming WHERE fact = 'RecordingMoved';

INSERT INTO hot.case_move
SELECT id, happened, reference, n, kind, move, state, handler, in_time, content,
       TRY_CAST(warns AS DATE), TRY_CAST(due AS DATE)  -- a day that is none stops no other fact
FROM incoming WHERE fact = 'CaseMoved';

INSERT INTO hot.queue_entry
SELECT id, session, happened, standing, ahead FROM incoming WHERE fact = 'QueueEntered';

INSERT INTO hot.queue_told
SELECT id, session, happened, ahead, least, most FROM incoming WHERE fact = 'QueueTold';

INSERT INTO hot.callback_wish
SELECT id, session, happened, person FROM incoming WHERE fact = 'CallbackWished';

INSERT INTO hot.callback_over
SELECT id, session, happened, person, ending, tries, outcome, ms
FROM incoming WHERE fact = 'CallbackOver';

INSERT INTO hot.contentment
SELECT id, session, happened, agent, caller, person, choice
FROM incoming WHERE fact = 'Contented';

INSERT INTO hot.dialled
SELECT id, happened, attempt, purpose, reference, agent, outcome, refused, ring_ms, talk_ms
FROM incoming WHERE fact = 'Dialled';

-- Who listened is in the audit trail only; pages of spools written before that was so tell it too.
INSERT INTO hot.desk_act
SELECT id, session, happened, agent, deed, "to", place FROM incoming
WHERE fact = 'DeskActed' AND deed NOT IN ('listen', 'whisper', 'hush', 'take_over', 'leave');

INSERT INTO hot.talk_recording
SELECT id, session, happened, reference, agents, outcome, path, ms, bytes, sha256, pauses,
       paused_ms, held_ms, gaps
FROM incoming WHERE fact = 'TalkRecorded';

-- Told again after a kill between a note and its mark: the conversation is the same.
INSERT INTO hot.call_note
SELECT id, session, happened, talk, agent, extension, subject, key, ms FROM incoming
WHERE fact = 'CallNoted' AND talk NOT IN (SELECT talk FROM {known}.call_note)
QUALIFY row_number() OVER (PARTITION BY talk ORDER BY happened, id) = 1;

INSERT INTO hot.survey_vote
SELECT id, session, happened, person, choice FROM incoming WHERE fact = 'Voted';

INSERT INTO hot.refusal
SELECT id, session, happened, reason, channel FROM incoming WHERE fact = 'Refused';

INSERT INTO hot.link
SELECT id, node, happened, if(fact = 'LinkLost', 'lost', 'restored'), reason, adopted, ms
FROM incoming WHERE fact IN ('LinkLost', 'LinkRestored');

INSERT INTO hot.session_resumed
SELECT id, session, happened, dialogue FROM incoming WHERE fact = 'SessionResumed';

-- What is known of a session and what is new become one row; doing it twice changes nothing.
CREATE OR REPLACE TEMP TABLE known_session AS
FROM {known}.call_session
WHERE session IN (FROM touched) AND coalesce(started >= getvariable('since'), true);

CREATE OR REPLACE TEMP TABLE renewed AS
WITH part AS (
    SELECT session, node, channel, dialled, caller, catalog, started, answered, ended, answer_ms,
           ms, disposition, last_dialogue, cause
    FROM known_session
    UNION ALL
    SELECT session,
           if(fact = 'SessionStarted', node, NULL), channel, dialled, caller, catalog,
           if(fact = 'SessionStarted', happened, NULL),
           if(fact = 'SessionAnswered', happened, NULL),
           if(fact = 'SessionEnded', happened, NULL), after_ms,
           if(fact = 'SessionEnded', ms, NULL), disposition,
           if(fact = 'SessionEnded', dialogue, NULL), cause
    FROM incoming WHERE fact IN ('SessionStarted', 'SessionAnswered', 'SessionEnded')
), merged AS (
    SELECT session, any_value(node) AS node, any_value(channel) AS channel,
           any_value(dialled) AS dialled, any_value(caller) AS caller,
           any_value(catalog) AS catalog, min(started) AS started, min(answered) AS answered,
           min(ended) AS ended, any_value(answer_ms) AS answer_ms,
           -- Of a call that was lost nobody measured the length.
           nullif(arg_min(ms, ended), 0) AS ms, arg_min(disposition, ended) AS disposition,
           arg_min(last_dialogue, ended) AS last_dialogue, arg_min(cause, ended) AS cause
    FROM part GROUP BY session
), resumed AS (
    SELECT session, count(*) AS times FROM {known}.session_resumed
    WHERE session IN (FROM touched) AND happened >= getvariable('since') GROUP BY session
), step AS (
    SELECT session, count(*) AS times FROM {known}.call_step
    WHERE session IN (FROM touched) AND happened >= getvariable('since') GROUP BY session
), asked AS (
    SELECT session, count(*) AS times FROM {known}.lookup
    WHERE session IN (FROM touched) AND happened >= getvariable('since') GROUP BY session
), told AS (
    SELECT session, happened, said, opening IS NOT NULL AND coalesce(figures, false) AS figures
    FROM {known}.call_step
    WHERE session IN (FROM touched) AND happened >= getvariable('since')
), answered AS (
    -- An account found was told when its figures were heard before the next one was asked for.
    -- Services that did not note what was said yet are believed: there what was found counts.
    SELECT inquiry.session, inquiry.happened
    FROM (SELECT session, happened, outcome, lead(happened, 1, 'infinity') OVER (
              PARTITION BY session ORDER BY happened, event) AS following
          FROM {known}.lookup
          WHERE session IN (FROM touched) AND happened >= getvariable('since')) AS inquiry
    WHERE outcome = 'found' AND (
        inquiry.session NOT IN (SELECT session FROM told WHERE said IS NOT NULL)
        OR EXISTS (FROM told WHERE figures AND told.session = inquiry.session
                   AND told.happened >= inquiry.happened AND told.happened < following))
), done AS (
    SELECT session, count(*) AS times FROM (
        SELECT session, happened FROM answered
        UNION ALL SELECT session, happened FROM {known}.information WHERE complete
        UNION ALL SELECT session, happened FROM {known}.survey_vote
        -- A complaint that was spoken again is one complaint.
        UNION ALL SELECT session, saved.happened
        FROM {known}.recording_saved AS saved ANTI JOIN (
            SELECT reference FROM {known}.recording_move
            WHERE state = 'replaced' AND happened >= getvariable('since')) USING (reference))
    WHERE session IN (FROM touched) AND happened >= getvariable('since') GROUP BY session
), wished AS (
    SELECT session, count(*) AS times, sum(ring_ms) AS ring, sum(talk_ms) AS talk
    FROM {known}.transfer
    WHERE session IN (FROM touched) AND happened >= getvariable('since') GROUP BY session
)
SELECT merged.* REPLACE (
           -- Whoever adopted a call measured its own part only; nobody measured one that was lost
           -- (`greatest` passes over a NULL).
           if(resumed.times > 0 AND merged.ms IS NOT NULL,
              greatest(merged.ms, date_diff('millisecond', merged.started, merged.ended)),
              merged.ms) AS ms),
       -- What was counted once stays counted where a file with the facts is lost.
       greatest(resumed.times, before.resumed, 0)::INTEGER AS resumed,
       greatest(step.times, before.steps, 0)::INTEGER AS steps,
       greatest(asked.times, before.lookups, 0)::INTEGER AS lookups,
       if(coalesce(step.times, 0) < before.steps OR coalesce(asked.times, 0) < before.lookups,
          greatest(done.times, before.completed), coalesce(done.times, 0))::INTEGER AS completed,
       greatest(wished.times, before.transfers, 0)::INTEGER AS transfers,
       greatest(wished.ring, before.queue_ms, 0)::BIGINT AS queue_ms,
       greatest(wished.talk, before.agent_ms, 0)::BIGINT AS agent_ms
FROM merged LEFT JOIN known_session AS before USING (session)
LEFT JOIN resumed USING (session) LEFT JOIN step USING (session) LEFT JOIN asked USING (session)
LEFT JOIN done USING (session) LEFT JOIN wished USING (session);

DELETE FROM renewed WHERE session IN (
    SELECT session FROM (FROM renewed INTERSECT FROM known_session));

INSERT INTO hot.superseded
SELECT session FROM known_session SEMI JOIN renewed USING (session)
WHERE session NOT IN (SELECT session FROM hot.call_session);

DELETE FROM hot.call_session WHERE session IN (SELECT session FROM renewed);

INSERT INTO hot.call_session BY NAME FROM renewed;

INSERT INTO hot.probe
SELECT id, node, happened, verdict, step, greeting_ms, key_ms, answer_ms, lost, outside,
       line_closed, detail
FROM incoming WHERE fact = 'Probed';

INSERT INTO hot.agent_move
SELECT id, node, happened, agent, extension, was, was_reason, ms, state, reason, "by"
FROM incoming WHERE fact = 'AgentMoved';

-- Asterisk records every call; only those that no service took are of interest.
INSERT INTO hot.carried
SELECT id, node, channel, happened, ms, away FROM incoming
WHERE fact = 'Carried' AND channel NOT IN (
    SELECT channel FROM {known}.call_session
    WHERE channel IS NOT NULL AND started >= getvariable('since'));

DELETE FROM hot.carried WHERE channel IN (SELECT channel FROM renewed);

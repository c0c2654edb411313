-- The tables of the facts. All times are UTC; durations are milliseconds of the monotonic clock.
CREATE TABLE call_session (
    session VARCHAR, node VARCHAR, channel VARCHAR, dialled VARCHAR, caller VARCHAR,
    catalog VARCHAR, started TIMESTAMP, answered TIMESTAMP, ended TIMESTAMP,
    answer_ms BIGINT, ms BIGINT, disposition VARCHAR, last_dialogue VARCHAR, cause INTEGER,
    resumed INTEGER, steps INTEGER, lookups INTEGER, completed INTEGER,
    transfers INTEGER, queue_ms BIGINT, agent_ms BIGINT
);
COMMENT ON TABLE call_session IS 'One call: when it came, how it went, how it ended. Most questions need this table only.';
COMMENT ON COLUMN call_session.session IS 'The session''s own id; the other tables refer to it.';
COMMENT ON COLUMN call_session.node IS 'The machine that served it (setting `node`).';
COMMENT ON COLUMN call_session.channel IS 'Asterisk''s channel id.';
COMMENT ON COLUMN call_session.dialled IS 'The number that was dialled.';
COMMENT ON COLUMN call_session.caller IS 'Keyed token of the caller''s number: the same caller, the same token. NULL where the network gave none.';
COMMENT ON COLUMN call_session.catalog IS 'Version of the prompts that this call heard.';
COMMENT ON COLUMN call_session.started IS 'When the call came in, UTC.';
COMMENT ON COLUMN call_session.answered IS 'When the line picked up, UTC; NULL where it never did.';
COMMENT ON COLUMN call_session.ended IS 'When it was over, UTC; NULL while it goes on.';
COMMENT ON COLUMN call_session.answer_ms IS 'From coming in to being answered.';
COMMENT ON COLUMN call_session.ms IS 'Length of the whole call.';
COMMENT ON COLUMN call_session.disposition IS 'completed (key 7), hung_up, closed (the line was not open), gave_up (three failures), failed (our fault), asterisk_lost, service_lost.';
COMMENT ON COLUMN call_session.last_dialogue IS 'Where the caller was last.';
COMMENT ON COLUMN call_session.cause IS 'Hang-up cause (Q.850) where Asterisk told one.';
COMMENT ON COLUMN call_session.resumed IS 'How often a service adopted the call after a restart or a lost link.';
COMMENT ON COLUMN call_session.steps IS 'Rows in call_step.';
COMMENT ON COLUMN call_session.lookups IS 'Rows in lookup.';
COMMENT ON COLUMN call_session.completed IS 'Inquiries that were answered by the line itself: accounts found, information heard to its end, votes, recordings saved.';
COMMENT ON COLUMN call_session.transfers IS 'Rows in transfer.';
COMMENT ON COLUMN call_session.queue_ms IS 'Time spent waiting for agents.';
COMMENT ON COLUMN call_session.agent_ms IS 'Time spent talking to agents.';

CREATE TABLE call_step (
    event UUID, session VARCHAR, n INTEGER, happened TIMESTAMP, dialogue VARCHAR, verb VARCHAR,
    prompt VARCHAR, heard VARCHAR, key VARCHAR, keys INTEGER, interrupted BOOLEAN, ms BIGINT
);
COMMENT ON TABLE call_step IS 'One thing said or asked, and what came back.';
COMMENT ON COLUMN call_step.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN call_step.n IS 'Counts the steps of a session from 1.';
COMMENT ON COLUMN call_step.happened IS 'When it ended, UTC.';
COMMENT ON COLUMN call_step.dialogue IS 'The place of the script.';
COMMENT ON COLUMN call_step.verb IS 'say, menu, collect, record, transfer.';
COMMENT ON COLUMN call_step.prompt IS 'Name of the sentence in the catalog.';
COMMENT ON COLUMN call_step.heard IS 'match, no_match, no_input, back, invalid, cleared, finished.';
COMMENT ON COLUMN call_step.key IS 'The key of a menu; NULL for sensitive entries and silence.';
COMMENT ON COLUMN call_step.keys IS 'How many keys were pressed.';
COMMENT ON COLUMN call_step.interrupted IS 'The prompt was cut short by a key.';

CREATE TABLE dialogue_visit (event UUID, session VARCHAR, happened TIMESTAMP, dialogue VARCHAR);
COMMENT ON TABLE dialogue_visit IS 'A caller came to a place of the script.';

CREATE TABLE lookup (
    event UUID, session VARCHAR, happened TIMESTAMP, source VARCHAR, person VARCHAR,
    outcome VARCHAR, ms BIGINT
);
COMMENT ON TABLE lookup IS 'An account was asked for.';
COMMENT ON COLUMN lookup.source IS 'fund or loan.';
COMMENT ON COLUMN lookup.person IS 'Keyed token of the ID number.';
COMMENT ON COLUMN lookup.outcome IS 'found, not_found, several, empty, unavailable.';

CREATE TABLE information (
    event UUID, session VARCHAR, happened TIMESTAMP, leaf VARCHAR, complete BOOLEAN, ms BIGINT
);
COMMENT ON TABLE information IS 'A text of the information tree was spoken (keys 3, 4, 5).';
COMMENT ON COLUMN information.leaf IS 'Its path of keys.';

CREATE TABLE transfer (
    event UUID, session VARCHAR, happened TIMESTAMP, agent VARCHAR, outcome VARCHAR,
    ring_ms BIGINT, talk_ms BIGINT
);
COMMENT ON TABLE transfer IS 'A wish for an agent, and how it went.';
COMMENT ON COLUMN transfer.outcome IS 'answered, busy, no_answer, none_there, abandoned, failed.';
COMMENT ON COLUMN transfer.happened IS 'When it was over, UTC.';
COMMENT ON COLUMN transfer.ring_ms IS 'From the wish to the answer, or to the end of waiting.';

CREATE TABLE recording (
    event UUID, session VARCHAR, happened TIMESTAMP, kind VARCHAR, person VARCHAR, path VARCHAR,
    ms BIGINT, bytes BIGINT, sha256 VARCHAR, reference VARCHAR, state VARCHAR, moved TIMESTAMP
);
COMMENT ON TABLE recording IS 'A complaint, a suggestion or a message, saved as a file.';
COMMENT ON COLUMN recording.person IS 'Keyed token; `ivr who` names the person to those entitled.';
COMMENT ON COLUMN recording.path IS 'Under the folder of recordings.';
COMMENT ON COLUMN recording.state IS 'new, handled, deleted.';
COMMENT ON COLUMN recording.moved IS 'When it came to this state, UTC; NULL while new.';

CREATE TABLE recording_move (event UUID, happened TIMESTAMP, reference VARCHAR, state VARCHAR);
COMMENT ON TABLE recording_move IS 'Each change of a recording''s state.';

CREATE TABLE survey_vote (
    event UUID, session VARCHAR, happened TIMESTAMP, person VARCHAR, choice INTEGER
);
COMMENT ON TABLE survey_vote IS 'Every grade given; `counted_vote` has the ones that count.';
COMMENT ON COLUMN survey_vote.choice IS '1 非常满意, 2 满意, 3 一般, 4 不满意, 5 非常不满意.';

CREATE TABLE refusal (event UUID, session VARCHAR, happened TIMESTAMP, reason VARCHAR);
COMMENT ON TABLE refusal IS 'The line refused something, for the protection of the line or of people.';

CREATE TABLE link (
    event UUID, node VARCHAR, happened TIMESTAMP, kind VARCHAR, reason VARCHAR,
    adopted INTEGER, ms BIGINT
);
COMMENT ON TABLE link IS 'Losses and returns of the connection to Asterisk.';
COMMENT ON COLUMN link.kind IS 'lost or restored.';

CREATE TABLE session_resumed (event UUID, session VARCHAR, happened TIMESTAMP, dialogue VARCHAR);
COMMENT ON TABLE session_resumed IS 'A service adopted a live call.';

CREATE TABLE spool (name VARCHAR PRIMARY KEY, bytes_read BIGINT);
COMMENT ON TABLE spool IS 'How far each spool file has been read; written together with its rows.';

CREATE MACRO local_time(utc) AS utc + INTERVAL 8 HOUR;
COMMENT ON MACRO local_time IS 'Beijing time, which has known no summer time since 1991.';

CREATE VIEW call_local AS
SELECT *, local_time(started) AS started_local, local_time(started)::DATE AS day FROM call_session;
COMMENT ON VIEW call_local IS 'call_session with Beijing time and day.';

CREATE VIEW counted_vote AS
SELECT *, local_time(happened)::DATE AS day FROM survey_vote
QUALIFY row_number() OVER (
    PARTITION BY person, local_time(happened)::DATE ORDER BY happened DESC, event DESC) = 1;
COMMENT ON VIEW counted_vote IS 'One vote per person and day: the last.';

-- The tables of the facts. All times are UTC; durations are milliseconds of the monotonic clock.
-- `hot` holds the days that are not closed; the views of the same names add the closed ones.
CREATE SCHEMA hot;

CREATE TABLE hot.call_session (
    session VARCHAR, node VARCHAR, channel VARCHAR, dialled VARCHAR, caller VARCHAR,
    catalog VARCHAR, started TIMESTAMP, answered TIMESTAMP, ended TIMESTAMP,
    answer_ms BIGINT, ms BIGINT, disposition VARCHAR, last_dialogue VARCHAR, cause INTEGER,
    resumed INTEGER, steps INTEGER, lookups INTEGER, completed INTEGER,
    transfers INTEGER, queue_ms BIGINT, agent_ms BIGINT
);
COMMENT ON TABLE hot.call_session IS 'One call: when it came, how it went, how it ended. Most questions need this table only.';
COMMENT ON COLUMN hot.call_session.session IS 'The session''s own id; the other tables refer to it.';
COMMENT ON COLUMN hot.call_session.node IS 'The machine that served it (setting `node`).';
COMMENT ON COLUMN hot.call_session.channel IS 'Asterisk''s channel id.';
COMMENT ON COLUMN hot.call_session.dialled IS 'The number that was dialled.';
COMMENT ON COLUMN hot.call_session.caller IS 'Keyed token of the caller''s number: the same caller, the same token. NULL where the network gave none.';
COMMENT ON COLUMN hot.call_session.catalog IS 'Version of the prompts that this call heard.';
COMMENT ON COLUMN hot.call_session.started IS 'When the call came in, UTC.';
COMMENT ON COLUMN hot.call_session.answered IS 'When the line picked up, UTC; NULL where it never did.';
COMMENT ON COLUMN hot.call_session.ended IS 'When it was over, UTC; NULL while it goes on.';
COMMENT ON COLUMN hot.call_session.answer_ms IS 'From coming in to being answered.';
COMMENT ON COLUMN hot.call_session.ms IS 'Length of the whole call; NULL while it goes on, and where Asterisk or the service was lost with it.';
COMMENT ON COLUMN hot.call_session.disposition IS 'completed (key 7), hung_up, vanished (nothing was heard of the caller any more), closed (the line was not open), refused (too many calls at once), gave_up (three failures), failed (our fault), asterisk_lost, service_lost.';
COMMENT ON COLUMN hot.call_session.last_dialogue IS 'Where the caller was last.';
COMMENT ON COLUMN hot.call_session.cause IS 'Hang-up cause (Q.850) where Asterisk told one.';
COMMENT ON COLUMN hot.call_session.resumed IS 'How often a service adopted the call after a restart or a lost link.';
COMMENT ON COLUMN hot.call_session.steps IS 'Rows in call_step.';
COMMENT ON COLUMN hot.call_session.lookups IS 'Rows in lookup.';
COMMENT ON COLUMN hot.call_session.completed IS 'Inquiries that were answered by the line itself: accounts found, information heard to its end, votes, recordings saved.';
COMMENT ON COLUMN hot.call_session.transfers IS 'Rows in transfer.';
COMMENT ON COLUMN hot.call_session.queue_ms IS 'Time spent waiting for agents.';
COMMENT ON COLUMN hot.call_session.agent_ms IS 'Time spent talking to agents.';

CREATE TABLE hot.call_step (
    event UUID, session VARCHAR, n INTEGER, happened TIMESTAMP, dialogue VARCHAR, verb VARCHAR,
    prompt VARCHAR, heard VARCHAR, key VARCHAR, keys INTEGER, interrupted BOOLEAN, ms BIGINT
);
COMMENT ON TABLE hot.call_step IS 'One thing said or asked, and what came back.';
COMMENT ON COLUMN hot.call_step.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.call_step.n IS 'Counts the steps of a session from 1.';
COMMENT ON COLUMN hot.call_step.happened IS 'When it ended, UTC.';
COMMENT ON COLUMN hot.call_step.dialogue IS 'The place of the script.';
COMMENT ON COLUMN hot.call_step.verb IS 'say, menu, collect, record, transfer.';
COMMENT ON COLUMN hot.call_step.prompt IS 'Name of the sentence in the catalog.';
COMMENT ON COLUMN hot.call_step.heard IS 'match, no_match, no_input, back, invalid, cleared, finished.';
COMMENT ON COLUMN hot.call_step.key IS 'The key of a menu; NULL for sensitive entries and silence.';
COMMENT ON COLUMN hot.call_step.keys IS 'How many keys were pressed.';
COMMENT ON COLUMN hot.call_step.interrupted IS 'The prompt was cut short by a key.';
COMMENT ON COLUMN hot.call_step.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.call_step.ms IS 'From the question to its end.';

CREATE TABLE hot.dialogue_visit (event UUID, session VARCHAR, happened TIMESTAMP, dialogue VARCHAR);
COMMENT ON TABLE hot.dialogue_visit IS 'A caller came to a place of the script.';
COMMENT ON COLUMN hot.dialogue_visit.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.dialogue_visit.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.dialogue_visit.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.dialogue_visit.dialogue IS 'The place of the script.';

CREATE TABLE hot.lookup (
    event UUID, session VARCHAR, happened TIMESTAMP, source VARCHAR, person VARCHAR,
    outcome VARCHAR, ms BIGINT
);
COMMENT ON TABLE hot.lookup IS 'An account was asked for.';
COMMENT ON COLUMN hot.lookup.source IS 'fund or loan.';
COMMENT ON COLUMN hot.lookup.person IS 'Keyed token of the ID number.';
COMMENT ON COLUMN hot.lookup.outcome IS 'found, not_found, several, empty, unavailable.';
COMMENT ON COLUMN hot.lookup.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.lookup.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.lookup.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.lookup.ms IS 'How long the source took to answer.';

CREATE TABLE hot.information (
    event UUID, session VARCHAR, happened TIMESTAMP, leaf VARCHAR, complete BOOLEAN, ms BIGINT
);
COMMENT ON TABLE hot.information IS 'A text of the information tree was spoken (keys 3, 4, 5).';
COMMENT ON COLUMN hot.information.leaf IS 'Its path of keys.';
COMMENT ON COLUMN hot.information.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.information.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.information.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.information.complete IS 'Heard to its end.';
COMMENT ON COLUMN hot.information.ms IS 'How long it was heard.';

CREATE TABLE hot.transfer (
    event UUID, session VARCHAR, happened TIMESTAMP, agent VARCHAR, outcome VARCHAR,
    ring_ms BIGINT, talk_ms BIGINT
);
COMMENT ON TABLE hot.transfer IS 'A wish for an agent, and how it went.';
COMMENT ON COLUMN hot.transfer.outcome IS 'answered, busy, no_answer, none_there, abandoned, failed.';
COMMENT ON COLUMN hot.transfer.happened IS 'When it was over, UTC.';
COMMENT ON COLUMN hot.transfer.ring_ms IS 'From the wish to the answer, or to the end of waiting.';
COMMENT ON COLUMN hot.transfer.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.transfer.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.transfer.agent IS 'Name of the agent who answered, or of the last one who was tried.';
COMMENT ON COLUMN hot.transfer.talk_ms IS 'From the answer to the end of the talk; 0 where nobody answered.';

CREATE TABLE hot.recording_saved (
    event UUID, session VARCHAR, happened TIMESTAMP, kind VARCHAR, person VARCHAR, path VARCHAR,
    ms BIGINT, bytes BIGINT, sha256 VARCHAR, reference VARCHAR, state VARCHAR
);
COMMENT ON TABLE hot.recording_saved IS 'A complaint, a suggestion or a message, as it was saved; `recording` has its state of today.';
COMMENT ON COLUMN hot.recording_saved.kind IS 'complaint, suggestion, message.';
COMMENT ON COLUMN hot.recording_saved.person IS 'Keyed token; `ivr who` names the person to those entitled.';
COMMENT ON COLUMN hot.recording_saved.path IS 'Under the folder of recordings.';
COMMENT ON COLUMN hot.recording_saved.reference IS 'The number that the caller was told.';
COMMENT ON COLUMN hot.recording_saved.state IS 'The state in which it was saved.';
COMMENT ON COLUMN hot.recording_saved.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.recording_saved.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.recording_saved.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.recording_saved.ms IS 'Length of the recording.';
COMMENT ON COLUMN hot.recording_saved.bytes IS 'Size of the file.';
COMMENT ON COLUMN hot.recording_saved.sha256 IS 'Of the file, so that a change is noticed.';

CREATE TABLE hot.recording_move (event UUID, happened TIMESTAMP, reference VARCHAR, state VARCHAR);
COMMENT ON TABLE hot.recording_move IS 'Each change of a recording''s state.';
COMMENT ON COLUMN hot.recording_move.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.recording_move.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.recording_move.reference IS 'The recording''s number.';
COMMENT ON COLUMN hot.recording_move.state IS 'replaced (spoken again), handled, deleted: its state from then on.';

CREATE TABLE hot.survey_vote (
    event UUID, session VARCHAR, happened TIMESTAMP, person VARCHAR, choice INTEGER
);
COMMENT ON TABLE hot.survey_vote IS 'Every answer to the survey; `counted_vote` has the ones that count.';
COMMENT ON COLUMN hot.survey_vote.choice IS '1 非常满意, 2 满意, 3 一般, 4 不满意, 5 非常不满意; 0 不表态, which is no grade.';
COMMENT ON COLUMN hot.survey_vote.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.survey_vote.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.survey_vote.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.survey_vote.person IS 'Keyed token; `ivr who` names the person to those entitled.';

CREATE TABLE hot.refusal (event UUID, session VARCHAR, happened TIMESTAMP, reason VARCHAR);
COMMENT ON TABLE hot.refusal IS 'The line refused something, for the protection of the line or of people.';
COMMENT ON COLUMN hot.refusal.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.refusal.session IS 'The call, as in call_session; NULL where it was not taken at all.';
COMMENT ON COLUMN hot.refusal.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.refusal.reason IS 'What was refused, and why.';

CREATE TABLE hot.link (
    event UUID, node VARCHAR, happened TIMESTAMP, kind VARCHAR, reason VARCHAR,
    adopted INTEGER, ms BIGINT
);
COMMENT ON TABLE hot.link IS 'Losses and returns of the connection to Asterisk.';
COMMENT ON COLUMN hot.link.kind IS 'lost or restored.';
COMMENT ON COLUMN hot.link.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.link.node IS 'The machine that lost it.';
COMMENT ON COLUMN hot.link.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.link.reason IS 'Why it broke.';
COMMENT ON COLUMN hot.link.adopted IS 'Calls that were found alive and went on.';
COMMENT ON COLUMN hot.link.ms IS 'How long it was gone.';

CREATE TABLE hot.session_resumed (event UUID, session VARCHAR, happened TIMESTAMP, dialogue VARCHAR);
COMMENT ON TABLE hot.session_resumed IS 'A service adopted a live call.';
COMMENT ON COLUMN hot.session_resumed.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.session_resumed.session IS 'The call, as in call_session.';
COMMENT ON COLUMN hot.session_resumed.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.session_resumed.dialogue IS 'The place from which the call went on.';

CREATE TABLE hot.spool (name VARCHAR, node VARCHAR, bytes_read BIGINT, newest TIMESTAMP);
COMMENT ON TABLE hot.spool IS 'How far each spool file has been read; written together with its rows.';
COMMENT ON COLUMN hot.spool.name IS 'The file.';
COMMENT ON COLUMN hot.spool.node IS 'The machine that wrote it.';
COMMENT ON COLUMN hot.spool.bytes_read IS 'Up to here its facts are in the tables.';
COMMENT ON COLUMN hot.spool.newest IS 'Time of its newest fact, UTC.';

CREATE TABLE hot.parquet_file (
    name VARCHAR, fact_table VARCHAR, first_day DATE, last_day DATE, rows BIGINT
);
COMMENT ON TABLE hot.parquet_file IS 'The files of closed days that count; any other one is about to be removed.';
COMMENT ON COLUMN hot.parquet_file.name IS 'In the folder beside the published database.';
COMMENT ON COLUMN hot.parquet_file.fact_table IS 'The table whose rows it holds.';
COMMENT ON COLUMN hot.parquet_file.first_day IS 'Of Beijing time.';
COMMENT ON COLUMN hot.parquet_file.last_day IS 'Of Beijing time, included.';
COMMENT ON COLUMN hot.parquet_file.rows IS 'Rows in it.';

CREATE TABLE hot.superseded (session VARCHAR);
COMMENT ON TABLE hot.superseded IS 'Calls whose row in a file of a closed day no longer counts: a later fact renewed it.';
COMMENT ON COLUMN hot.superseded.session IS 'The call, as in call_session.';

CREATE MACRO local_time(utc) AS utc + INTERVAL 8 HOUR;

CREATE MACRO on_days(utc, first_day, last_day) AS
utc >= first_day::TIMESTAMP - INTERVAL 8 HOUR AND utc < last_day::TIMESTAMP + INTERVAL 16 HOUR;

CREATE MACRO percent(part, whole) AS round(100.0 * part / nullif(whole, 0), 1);

CREATE MACRO steps_by_day(steps) AS TABLE
SELECT local_time(happened)::DATE AS day, dialogue, verb, prompt, heard, key, count(*) AS times,
       count(*) FILTER (interrupted) AS interrupted, sum(keys)::BIGINT AS keys,
       sum(ms)::BIGINT AS ms
FROM query_table(steps) GROUP BY ALL;

CREATE MACRO visits_by_day(visits) AS TABLE
SELECT local_time(happened)::DATE AS day, dialogue, count(*) AS visits,
       count(*) FILTER (first_visit) AS calls
FROM (SELECT happened, dialogue, row_number() OVER (
          PARTITION BY session, dialogue ORDER BY happened, event) = 1 AS first_visit
      FROM query_table(visits))
GROUP BY ALL;

CREATE VIEW hot.step_day AS FROM steps_by_day('hot.call_step');
COMMENT ON VIEW hot.step_day IS 'Steps counted by day, for long ranges; times, interrupted, keys and ms are sums.';

CREATE VIEW hot.visit_day AS FROM visits_by_day('hot.dialogue_visit');
COMMENT ON VIEW hot.visit_day IS 'Visits of places of the script counted by day, for long ranges.';

-- What was said of each step; calls that no service ever saw; and counts that stay the same when
-- their days are closed.
ALTER TABLE hot.call_step ADD COLUMN said VARCHAR;
ALTER TABLE hot.call_step ADD COLUMN opening VARCHAR;
ALTER TABLE hot.call_step ADD COLUMN figures BOOLEAN;
COMMENT ON COLUMN hot.call_step.heard IS 'match, no_match, no_input, back, invalid, cleared, agent (a 0 where it is no answer), finished, hung_up.';
COMMENT ON COLUMN hot.call_step.interrupted IS 'What was being said was cut short by a key: the prompt, or its opening where `said` is none.';
COMMENT ON COLUMN hot.call_step.said IS 'How much of the prompt was said: whole, part, none (typed over, or its opening was cut); NULL in facts of older services.';
COMMENT ON COLUMN hot.call_step.opening IS 'The sentence said in front of the prompt, such as a readout.';
COMMENT ON COLUMN hot.call_step.figures IS 'The last of the values to be told was heard; NULL where there were none.';

ALTER TABLE hot.refusal ADD COLUMN channel VARCHAR;
COMMENT ON COLUMN hot.refusal.channel IS 'Asterisk''s channel id, where a call was not taken at all.';

CREATE TABLE hot.carried (
    event UUID, node VARCHAR, channel VARCHAR, happened TIMESTAMP, ms BIGINT, away BOOLEAN
);
COMMENT ON TABLE hot.carried IS 'A call that Asterisk carried and no service took into its records; `unseen_call` adds those that a service refused.';
COMMENT ON COLUMN hot.carried.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.carried.node IS 'The machine that carried it.';
COMMENT ON COLUMN hot.carried.channel IS 'Asterisk''s channel id.';
COMMENT ON COLUMN hot.carried.happened IS 'When it ended, UTC.';
COMMENT ON COLUMN hot.carried.ms IS 'From coming in to hanging up, in whole seconds.';
COMMENT ON COLUMN hot.carried.away IS 'Asterisk apologised and rang the agents; false: the caller hung up while it waited for a service.';

COMMENT ON COLUMN hot.transfer.outcome IS 'answered, busy, no_answer, none_there, closed (asked for out of hours), abandoned, failed.';
COMMENT ON COLUMN hot.call_session.completed IS 'Inquiries that were answered by the line itself: accounts read out to their figures, information heard to its end, votes, recordings saved.';

DROP VIEW hot.step_day;
DROP VIEW hot.visit_day;

CREATE OR REPLACE MACRO steps_by_day(steps) AS TABLE
SELECT local_time(happened)::DATE AS day, dialogue, verb, prompt, opening, heard, key,
       count(*) AS times,
       count(*) FILTER (interrupted) AS interrupted,
       count(*) FILTER (interrupted AND said IS DISTINCT FROM 'none') AS cut,
       count(*) FILTER (heard = 'hung_up' AND said = 'part') AS left_in,
       count(*) FILTER (said = 'none' AND NOT interrupted AND heard <> 'hung_up') AS typed_over,
       count(*) FILTER (said = 'none' AND (interrupted OR heard = 'hung_up')) AS opening_cut,
       sum(keys)::BIGINT AS keys, sum(ms)::BIGINT AS ms
FROM query_table(steps) GROUP BY ALL;

CREATE OR REPLACE MACRO visits_by_day(visits) AS TABLE
SELECT local_time(happened)::DATE AS day, dialogue, count(*) AS visits,
       count(DISTINCT session) AS calls
FROM query_table(visits) GROUP BY ALL;

CREATE VIEW hot.step_day AS FROM steps_by_day('hot.call_step');
COMMENT ON VIEW hot.step_day IS 'Steps counted by day, for long ranges; all counts, keys and ms are sums.';

CREATE VIEW hot.visit_day AS FROM visits_by_day('hot.dialogue_visit');
COMMENT ON VIEW hot.visit_day IS 'Visits of places of the script counted by day, for long ranges.';

CREATE MACRO days_between(first_day, last_day) AS TABLE
SELECT unnest(generate_series(first_day::TIMESTAMP, last_day::TIMESTAMP, INTERVAL 1 DAY))::DATE AS day;

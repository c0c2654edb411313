-- Trial calls (拨测): a row each. Their sessions are in no table: the loader leaves them out.
CREATE TABLE hot.probe (
    event UUID, node VARCHAR, happened TIMESTAMP, verdict VARCHAR, step VARCHAR,
    greeting_ms BIGINT, key_ms BIGINT, answer_ms BIGINT, lost BIGINT, outside BOOLEAN,
    line_closed BOOLEAN, detail VARCHAR);
COMMENT ON TABLE hot.probe IS 'A trial call of our own (ivr probe), and what it came to; no caller''s table has anything of it.';
COMMENT ON COLUMN hot.probe.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.probe.node IS 'The machine that called.';
COMMENT ON COLUMN hot.probe.happened IS 'When it ended, UTC.';
COMMENT ON COLUMN hot.probe.verdict IS 'well, unanswered, no_sound, silence, not_heard, apology, wrong_prompt, clipped, unknown_sound, hung_up, impossible.';
COMMENT ON COLUMN hot.probe.step IS 'The last sentence that was waited for.';
COMMENT ON COLUMN hot.probe.greeting_ms IS 'From picking up to the first word of the greeting.';
COMMENT ON COLUMN hot.probe.key_ms IS 'From a key''s release to the voice that answers it; the slower of two.';
COMMENT ON COLUMN hot.probe.answer_ms IS 'From the last digit of the ID number to the voice that tells about it.';
COMMENT ON COLUMN hot.probe.lost IS 'Packets of sound that never came.';
COMMENT ON COLUMN hot.probe.outside IS 'It went by a carrier and came in by a trunk.';
COMMENT ON COLUMN hot.probe.line_closed IS 'The line was closed for callers meanwhile.';
COMMENT ON COLUMN hot.probe.detail IS 'What was heard instead (names of prompts), or why there was no call.';

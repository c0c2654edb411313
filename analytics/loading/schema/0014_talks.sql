-- What became of the recordings of conversations with agents: a row each.
CREATE TABLE hot.talk_recording (
    event UUID, session VARCHAR, happened TIMESTAMP, reference VARCHAR, agents VARCHAR,
    outcome VARCHAR, path VARCHAR, ms INTEGER, bytes BIGINT, sha256 VARCHAR, pauses INTEGER,
    paused_ms INTEGER, held_ms INTEGER, gaps VARCHAR);
COMMENT ON TABLE hot.talk_recording IS 'Conversations with agents that were to be recorded, and whether they were.';
COMMENT ON COLUMN hot.talk_recording.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.talk_recording.session IS 'The caller''s call.';
COMMENT ON COLUMN hot.talk_recording.happened IS 'When it was filed, or could not be begun, UTC.';
COMMENT ON COLUMN hot.talk_recording.reference IS 'Its name; NULL where nothing was begun.';
COMMENT ON COLUMN hot.talk_recording.agents IS 'Names of all who were in it, in their order.';
COMMENT ON COLUMN hot.talk_recording.outcome IS 'kept; cut: the disk became full; no_room: too full to begin; lost: nothing was written.';
COMMENT ON COLUMN hot.talk_recording.path IS 'Under the folder of recordings; NULL where nothing is kept.';
COMMENT ON COLUMN hot.talk_recording.ms IS 'Length of the file; each part that was left out takes a second of it.';
COMMENT ON COLUMN hot.talk_recording.bytes IS 'Size of the file.';
COMMENT ON COLUMN hot.talk_recording.sha256 IS 'Its sum, by which a changed file is found.';
COMMENT ON COLUMN hot.talk_recording.pauses IS 'How often somebody at a desk had it paused.';
COMMENT ON COLUMN hot.talk_recording.paused_ms IS 'How long, all together.';
COMMENT ON COLUMN hot.talk_recording.held_ms IS 'How long the caller was on hold; nothing is recorded then.';
COMMENT ON COLUMN hot.talk_recording.gaps IS 'JSON: where in the file (at_ms) something was left out, why (pause, hold, fault), how long (ms).';

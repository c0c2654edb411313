-- What agents wrote calls to be about; and who listened to agents stands in the audit trail alone.
CREATE TABLE hot.call_note (
    event UUID, session VARCHAR, happened TIMESTAMP, talk VARCHAR, agent VARCHAR, extension VARCHAR,
    subject VARCHAR, key VARCHAR, ms BIGINT);
COMMENT ON TABLE hot.call_note IS 'What an agent wrote a call to be about; the note itself is in no record.';
COMMENT ON COLUMN hot.call_note.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.call_note.session IS 'The caller''s call; NULL: the line itself had called.';
COMMENT ON COLUMN hot.call_note.happened IS 'When it was written, UTC.';
COMMENT ON COLUMN hot.call_note.talk IS 'Name of the conversation: each one is here once.';
COMMENT ON COLUMN hot.call_note.agent IS 'Name of the agent.';
COMMENT ON COLUMN hot.call_note.extension IS 'Number of the agent''s phone.';
COMMENT ON COLUMN hot.call_note.subject IS 'What it was about, of the list in the settings (agents.subjects).';
COMMENT ON COLUMN hot.call_note.key IS 'What the caller wanted by the main menu: account, loan, information, complaint; NULL: an agent.';
COMMENT ON COLUMN hot.call_note.ms IS 'From the end of the conversation until it was written.';

DELETE FROM hot.desk_act WHERE deed IN ('listen', 'whisper', 'hush', 'take_over', 'leave');
COMMENT ON COLUMN hot.desk_act.deed IS 'hold, retrieve, mute, unmute, keys, consult, drop, join, hand_over, pass_on, send_to.';

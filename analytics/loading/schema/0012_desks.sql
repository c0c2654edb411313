-- What agents did with the conversation at their desk: a row each.
CREATE TABLE hot.desk_act (
    event UUID, session VARCHAR, happened TIMESTAMP, agent VARCHAR, deed VARCHAR,
    colleague VARCHAR, place VARCHAR);
COMMENT ON TABLE hot.desk_act IS 'What was done at a desk with a conversation: held, a colleague asked, handed over.';
COMMENT ON COLUMN hot.desk_act.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.desk_act.session IS 'The caller''s call.';
COMMENT ON COLUMN hot.desk_act.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.desk_act.agent IS 'Name of who did it.';
COMMENT ON COLUMN hot.desk_act.deed IS 'hold, retrieve, mute, unmute, keys, consult, drop, join, hand_over, pass_on, send_to, leave; listen, whisper, hush, take_over by the leader of the shift.';
COMMENT ON COLUMN hot.desk_act.colleague IS 'Name of the colleague whom it concerns; NULL: nobody.';
COMMENT ON COLUMN hot.desk_act.place IS 'Where in the line the caller was sent to; NULL: nowhere.';

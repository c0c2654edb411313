CREATE TABLE hot.case_move (
    event UUID, happened TIMESTAMP, reference VARCHAR, n INTEGER, kind VARCHAR, move VARCHAR,
    state VARCHAR, handler VARCHAR, in_time BOOLEAN, content BOOLEAN);
COMMENT ON TABLE hot.case_move IS 'What was done with the case of a recording (工单); `case_step` has each once.';
COMMENT ON COLUMN hot.case_move.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.case_move.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.case_move.reference IS 'The number that the caller was told.';
COMMENT ON COLUMN hot.case_move.n IS 'Which event of its case it is.';
COMMENT ON COLUMN hot.case_move.kind IS 'complaint, suggestion, message.';
COMMENT ON COLUMN hot.case_move.move IS 'open, accept, reject, assign, reassign, take, return, ask, grant, deny, suspend, resume, merge, answer, close, follow_up, redo, note.';
COMMENT ON COLUMN hot.case_move.state IS 'Of the case from then on: pending, accepted, assigned, working, suspended, answered, closed, followed_up, rejected, merged.';
COMMENT ON COLUMN hot.case_move.handler IS 'Who has it from then on.';
COMMENT ON COLUMN hot.case_move.in_time IS 'Of accept, reject, answer, close, follow_up: whether it was early enough, in working days.';
COMMENT ON COLUMN hot.case_move.content IS 'Of follow_up: whether the caller was content.';

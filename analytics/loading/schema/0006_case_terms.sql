-- Until when a case must have its next step, so that what is late is counted for any day.
ALTER TABLE hot.case_move ADD COLUMN warns DATE;
ALTER TABLE hot.case_move ADD COLUMN due DATE;
COMMENT ON COLUMN hot.case_move.warns IS 'From which day on the term that runs from then on is nearly over (four fifths); NULL while none runs.';
COMMENT ON COLUMN hot.case_move.due IS 'The last day of that term; NULL while none runs, as in 挂起.';
COMMENT ON COLUMN hot.case_move.move IS 'open, accept, reject, assign, reassign, take, return, ask, grant, deny, suspend, resume, merge, answer, close, follow_up, redo, note, hold, release.';

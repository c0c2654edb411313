-- What became of wishes to be called back: a row for each that is over.
CREATE TABLE hot.callback_over (
    event UUID, session VARCHAR, happened TIMESTAMP, person VARCHAR, ending VARCHAR, tries BIGINT,
    outcome VARCHAR, ms BIGINT);
COMMENT ON TABLE hot.callback_over IS 'A wish to be called back is over; `callback_wish` tells when it was left, `dialled` of each try.';
COMMENT ON COLUMN hot.callback_over.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.callback_over.session IS 'The call in which it was left.';
COMMENT ON COLUMN hot.callback_over.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.callback_over.person IS 'Token of the number.';
COMMENT ON COLUMN hot.callback_over.ending IS 'reached, given_up (after the last try, or too old), withdrawn (by an agent, or the caller was served meanwhile).';
COMMENT ON COLUMN hot.callback_over.tries IS 'Calls in vain.';
COMMENT ON COLUMN hot.callback_over.outcome IS 'Of the last try, as in `dialled`; NULL: there was none.';
COMMENT ON COLUMN hot.callback_over.ms IS 'Since the place in the queue was taken that it stands for.';

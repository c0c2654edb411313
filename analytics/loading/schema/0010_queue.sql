-- Waiting for an agent: places, what was said of them, wishes to be called back, and contentment.
CREATE TABLE hot.queue_entry (
    event UUID, session VARCHAR, happened TIMESTAMP, standing VARCHAR, ahead BIGINT);
COMMENT ON TABLE hot.queue_entry IS 'A caller took a place in the queue; the next `transfer` of the session tells how it ended.';
COMMENT ON COLUMN hot.queue_entry.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.queue_entry.session IS 'The call.';
COMMENT ON COLUMN hot.queue_entry.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.queue_entry.standing IS 'called_back, senior, usual: before whom the caller is served.';
COMMENT ON COLUMN hot.queue_entry.ahead IS 'How many were before.';

CREATE TABLE hot.queue_told (
    event UUID, session VARCHAR, happened TIMESTAMP, ahead BIGINT, least BIGINT, most BIGINT);
COMMENT ON TABLE hot.queue_told IS 'What a waiting caller heard of the place and the time.';
COMMENT ON COLUMN hot.queue_told.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.queue_told.session IS 'The call.';
COMMENT ON COLUMN hot.queue_told.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.queue_told.ahead IS 'How many are before; NULL: no number was said.';
COMMENT ON COLUMN hot.queue_told.least IS 'Minutes still to wait, at least; NULL: nothing was said of time.';
COMMENT ON COLUMN hot.queue_told.most IS 'Minutes still to wait, at most.';

CREATE TABLE hot.callback_wish (
    event UUID, session VARCHAR, happened TIMESTAMP, person VARCHAR);
COMMENT ON TABLE hot.callback_wish IS 'A waiting caller left a number to be called back.';
COMMENT ON COLUMN hot.callback_wish.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.callback_wish.session IS 'The call.';
COMMENT ON COLUMN hot.callback_wish.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.callback_wish.person IS 'Token of the number.';

CREATE TABLE hot.contentment (
    event UUID, session VARCHAR, happened TIMESTAMP, agent VARCHAR, caller VARCHAR,
    person VARCHAR, choice BIGINT);
COMMENT ON TABLE hot.contentment IS 'A caller was asked how content they were with an agent.';
COMMENT ON COLUMN hot.contentment.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.contentment.session IS 'The call.';
COMMENT ON COLUMN hot.contentment.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.contentment.agent IS 'Name of the agent.';
COMMENT ON COLUMN hot.contentment.caller IS 'Token of the telephone number, where the network vouches for it.';
COMMENT ON COLUMN hot.contentment.person IS 'Token of the ID number that was entered last.';
COMMENT ON COLUMN hot.contentment.choice IS '1 (best) to 5, 0: would not say; NULL: no answer.';

COMMENT ON COLUMN hot.transfer.outcome IS 'answered, busy, no_answer, none_there, closed (asked for out of hours), abandoned, failed, full (too many waited), too_long (waited in vain), callback (rather called back), message (rather left a message).';

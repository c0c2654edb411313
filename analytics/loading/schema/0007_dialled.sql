-- Calls that the line made itself, and those that it would not make: a row each.
CREATE TABLE hot.dialled (
    event UUID, happened TIMESTAMP, attempt VARCHAR, purpose VARCHAR, reference VARCHAR,
    agent VARCHAR, outcome VARCHAR, refused VARCHAR, ring_ms BIGINT, talk_ms BIGINT);
COMMENT ON TABLE hot.dialled IS 'A call that the line made, or would not make; nobody''s number.';
COMMENT ON COLUMN hot.dialled.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.dialled.happened IS 'When it was over or refused, UTC.';
COMMENT ON COLUMN hot.dialled.attempt IS 'Its name in the ledger of calls; NULL: refused.';
COMMENT ON COLUMN hot.dialled.purpose IS 'case, follow_up, wish.';
COMMENT ON COLUMN hot.dialled.reference IS 'Of the case or of the wish.';
COMMENT ON COLUMN hot.dialled.agent IS 'Who was to talk; NULL: the line itself.';
COMMENT ON COLUMN hot.dialled.outcome IS 'answered, busy, no_answer, not_reached, agent_busy, agent_no_answer, agent_away, abandoned, failed, lost; NULL: refused.';
COMMENT ON COLUMN hot.dialled.refused IS 'off, number, hours, cap, tries, going_on, unwritten.';
COMMENT ON COLUMN hot.dialled.ring_ms IS 'How long the number that was called rang.';
COMMENT ON COLUMN hot.dialled.talk_ms IS 'How long it was talked.';

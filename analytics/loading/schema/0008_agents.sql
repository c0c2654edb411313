-- How long agents were in which state: a row for each change.
CREATE TABLE hot.agent_move (
    event UUID, node VARCHAR, happened TIMESTAMP, agent VARCHAR, extension VARCHAR, was VARCHAR,
    was_reason VARCHAR, ms BIGINT, state VARCHAR, reason VARCHAR, origin VARCHAR);
COMMENT ON TABLE hot.agent_move IS 'An agent came from one state into another; the one that is over lasted ms until then.';
COMMENT ON COLUMN hot.agent_move.event IS 'The fact''s own id: each one is here once.';
COMMENT ON COLUMN hot.agent_move.node IS 'The machine whose agent it is.';
COMMENT ON COLUMN hot.agent_move.happened IS 'When, UTC.';
COMMENT ON COLUMN hot.agent_move.agent IS 'Name of the agent.';
COMMENT ON COLUMN hot.agent_move.extension IS 'Number of the agent''s phone.';
COMMENT ON COLUMN hot.agent_move.was IS 'The state that is over: free, talking, wrap_up, not_ready, away, signed_out.';
COMMENT ON COLUMN hot.agent_move.was_reason IS 'Why the agent was not ready; empty in other states.';
COMMENT ON COLUMN hot.agent_move.ms IS 'How long it lasted; NULL where it is not known when it began.';
COMMENT ON COLUMN hot.agent_move.state IS 'The state from then on.';
COMMENT ON COLUMN hot.agent_move.reason IS 'Why the agent is not ready from then on.';
COMMENT ON COLUMN hot.agent_move.origin IS 'phone or console, where the agent wished it; line for what happened.';

-- How often the list of closed days has changed: a database or a list that was restored from a
-- backup is told from the newest.
CREATE TABLE hot.filing (generation BIGINT);
COMMENT ON TABLE hot.filing IS 'How often the files of closed days have changed; as in `files.json` beside them.';
COMMENT ON COLUMN hot.filing.generation IS 'The last change has the greatest number; no row before the first.';

COMMENT ON COLUMN hot.lookup.outcome IS 'found, not_found, several (the number has several accounts), account_closed, empty (found without a value), unsayable (a value that cannot be spoken), unavailable.';

-- Whom the line is to call for 回访, and who does not wish to be called; as the events have it.
ALTER TABLE case_file ADD COLUMN to_call INTEGER NOT NULL DEFAULT 0;
ALTER TABLE case_file ADD COLUMN spared INTEGER NOT NULL DEFAULT 0;
CREATE INDEX case_to_call ON case_file (to_call, number);
CREATE INDEX case_spared ON case_file (spared)

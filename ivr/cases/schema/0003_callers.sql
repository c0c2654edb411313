-- The token of the number that a case was left from, by which it is called back.
ALTER TABLE case_file ADD COLUMN caller VARCHAR(64)

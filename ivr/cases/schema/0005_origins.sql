-- Of what a case without a recording was made, so that nothing makes two.
ALTER TABLE case_file ADD COLUMN origin VARCHAR(160);
CREATE UNIQUE INDEX case_origin ON case_file (origin)

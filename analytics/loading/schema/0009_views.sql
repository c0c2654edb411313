-- What views were made from: of two hundred statements a start repeats none that changes nothing.
CREATE TABLE hot.view_made (name VARCHAR, made_from VARCHAR, definition VARCHAR);
COMMENT ON TABLE hot.view_made IS 'What each view was made from; one that stands as it was made is not made anew.';
COMMENT ON COLUMN hot.view_made.made_from IS 'Digest of its statements and of the version of this schema.';
COMMENT ON COLUMN hot.view_made.definition IS 'As DuckDB keeps it: another means that another program has made it.';

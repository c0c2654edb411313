-- Legal hold (保全); what is said of moments of the sound; what is enclosed, sealed and in base64;
-- and who was told of what, so that nobody is told twice.
ALTER TABLE case_file ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
CREATE TABLE case_mark (
    id VARCHAR(32) PRIMARY KEY,
    number VARCHAR(20) NOT NULL REFERENCES case_file (number) ON DELETE CASCADE,
    at_ms INTEGER NOT NULL,
    note VARCHAR(400) NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    at VARCHAR(40) NOT NULL
);
CREATE INDEX case_mark_of ON case_mark (number, at_ms);
CREATE TABLE case_enclosure (
    id VARCHAR(32) PRIMARY KEY,
    number VARCHAR(20) NOT NULL REFERENCES case_file (number) ON DELETE CASCADE,
    name VARCHAR(200) NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    at VARCHAR(40) NOT NULL,
    sealed TEXT NOT NULL
);
CREATE INDEX case_enclosure_of ON case_enclosure (number, at);
CREATE TABLE case_notice (
    number VARCHAR(20) NOT NULL REFERENCES case_file (number) ON DELETE CASCADE,
    what VARCHAR(200) NOT NULL,
    at VARCHAR(40) NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (number, what)
);

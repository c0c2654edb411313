-- A case is a recording and its events; `state` and `handler` are what the events make of it, kept
-- so that lists are found by them.
CREATE TABLE case_file (
    number VARCHAR(20) PRIMARY KEY,
    kind VARCHAR(20) NOT NULL,
    session VARCHAR(64) NOT NULL,
    person VARCHAR(64),
    filed_at VARCHAR(40) NOT NULL,
    path VARCHAR(200) NOT NULL,
    ms INTEGER NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    state VARCHAR(20) NOT NULL,
    handler VARCHAR(64) NOT NULL
);
CREATE INDEX case_by_state ON case_file (state, filed_at);
CREATE INDEX case_by_handler ON case_file (handler, state);
CREATE TABLE case_event (
    number VARCHAR(20) NOT NULL REFERENCES case_file (number) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    at VARCHAR(40) NOT NULL,
    move VARCHAR(20) NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    office VARCHAR(20) NOT NULL,
    text VARCHAR(4000) NOT NULL,
    handler VARCHAR(64) NOT NULL,
    days INTEGER NOT NULL,
    into_number VARCHAR(20) NOT NULL,
    content VARCHAR(20) NOT NULL,
    told INTEGER NOT NULL,
    PRIMARY KEY (number, n)
);
CREATE INDEX case_event_untold ON case_event (told);

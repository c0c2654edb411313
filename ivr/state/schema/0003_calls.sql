-- Calls that are up, by their callers' tokens; those of a node that is not heard of do not count.
CREATE TABLE call_up (
    session VARCHAR(64) PRIMARY KEY,
    node VARCHAR(64) NOT NULL,
    caller VARCHAR(64) NOT NULL
);
CREATE INDEX call_up_of ON call_up (caller);
CREATE INDEX call_up_on ON call_up (node)

-- What is counted for the limits, each once by its id, and who is locked; `set_at` by the database.
CREATE TABLE counted (
    id VARCHAR(48) PRIMARY KEY,
    kind VARCHAR(12) NOT NULL,
    name VARCHAR(160) NOT NULL,
    value VARCHAR(64) NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX counted_for ON counted (kind, name, at);
CREATE INDEX counted_at ON counted (at);
CREATE TABLE lock_set (
    name VARCHAR(160) PRIMARY KEY,
    until_at DOUBLE PRECISION NOT NULL,
    set_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX lock_set_at ON lock_set (set_at)

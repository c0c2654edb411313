-- The machines of a line; `seen_at` is by the database's own clock, in seconds since 1970.
CREATE TABLE node (
    name VARCHAR(64) PRIMARY KEY,
    series INTEGER NOT NULL UNIQUE,
    machine VARCHAR(32) NOT NULL UNIQUE,
    address VARCHAR(200) NOT NULL,
    seen_at DOUBLE PRECISION NOT NULL,
    draining INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    version VARCHAR(80) NOT NULL,
    catalog VARCHAR(80) NOT NULL,
    clock_ahead DOUBLE PRECISION NOT NULL
);
-- What must be the same on all of them: the fingerprint of each key, the catalog; and the switch.
CREATE TABLE agreed (
    name VARCHAR(40) PRIMARY KEY,
    value VARCHAR(1000) NOT NULL,
    value_before VARCHAR(1000) NOT NULL,
    at DOUBLE PRECISION NOT NULL
)

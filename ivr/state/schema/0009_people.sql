-- The vault: whose token is which number, sealed (hex); which nodes' records still need it; and who
-- was forgotten, by token and by the mark of the number, so that no node brings them back.
CREATE TABLE person (
    token VARCHAR(64) PRIMARY KEY,
    sealed VARCHAR(400) NOT NULL,
    kept DOUBLE PRECISION NOT NULL
);
CREATE TABLE person_of (
    token VARCHAR(64) NOT NULL,
    node VARCHAR(64) NOT NULL,
    PRIMARY KEY (token, node)
);
CREATE INDEX person_of_node ON person_of (node);
CREATE TABLE forgotten (
    name VARCHAR(64) PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX forgotten_at ON forgotten (at)

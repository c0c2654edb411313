-- What the nodes tell each other of their agents: who has whose phone (claim), who waits (place),
-- and how each agent is (state); `at`: when that came to be, in seconds since 1970.
CREATE TABLE agent_row (
    kind VARCHAR(8) NOT NULL,
    name VARCHAR(80) NOT NULL,
    node VARCHAR(64) NOT NULL,
    body TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (kind, name)
)

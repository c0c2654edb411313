-- The audit trail of all nodes: each line as its machine wrote it (hash: of that machine's chain), and
-- chained again in the order in which they came, under the same key.
CREATE TABLE audit_line (
    seq INTEGER PRIMARY KEY,
    hash VARCHAR(64) NOT NULL UNIQUE,
    node VARCHAR(64) NOT NULL,
    line TEXT NOT NULL,
    chained VARCHAR(64) NOT NULL
)

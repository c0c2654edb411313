-- Wishes to be called back that are still to be fulfilled, each by the node that has the number;
-- `over`: the caller has been served on another node.
CREATE TABLE callback_row (
    person VARCHAR(64) NOT NULL,
    node VARCHAR(64) NOT NULL,
    body TEXT NOT NULL,
    over INTEGER NOT NULL,
    PRIMARY KEY (person, node)
)

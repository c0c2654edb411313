-- The agents' own passwords, hashed, and sealed: six digits are guessed by whoever has a hash.
CREATE TABLE agent_pin (
    extension VARCHAR(16) PRIMARY KEY,
    sealed TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL
)

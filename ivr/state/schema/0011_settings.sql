-- What administrators have set (agents, limits, answers, recordings): versions, never changed.
CREATE TABLE setting_version (
    number INTEGER PRIMARY KEY,
    body TEXT NOT NULL
)

-- What callers hear before the greeting on all nodes, and the sound of what may still be heard.
CREATE TABLE announcement (
    name VARCHAR(16) PRIMARY KEY,
    body TEXT NOT NULL
);
CREATE TABLE announcement_sound (
    file VARCHAR(160) PRIMARY KEY,
    sound TEXT NOT NULL
)

-- What agents wrote after calls (text sealed), and conversations about which nothing is written yet;
-- seq: in which order the nodes told of them, a later one of the same row counts. And what waits on
-- each node for the database, as it said at its last beat.
CREATE TABLE call_note (
    talk VARCHAR(200) PRIMARY KEY,
    seq INTEGER NOT NULL,
    session VARCHAR(64) NOT NULL,
    person VARCHAR(64),
    caller VARCHAR(64),
    key VARCHAR(64),
    agent VARCHAR(200) NOT NULL,
    extension VARCHAR(16) NOT NULL,
    ended VARCHAR(40) NOT NULL,
    subject VARCHAR(200),
    sealed TEXT,
    written VARCHAR(40)
);
CREATE INDEX call_note_seq ON call_note (seq);
CREATE INDEX call_note_person ON call_note (person);
CREATE INDEX call_note_caller ON call_note (caller);
CREATE INDEX call_note_session ON call_note (session);
CREATE INDEX call_note_ended ON call_note (ended);
ALTER TABLE node ADD COLUMN cases_waiting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN notes_waiting INTEGER NOT NULL DEFAULT 0

-- What a machine took a recording for, sealed and in base64; empty until then. `tries` counts those
-- that were begun: a recording that ends its reader is not begun for ever.
CREATE TABLE case_transcript (
    number VARCHAR(20) PRIMARY KEY REFERENCES case_file (number) ON DELETE CASCADE,
    engine VARCHAR(40) NOT NULL,
    at VARCHAR(40) NOT NULL,
    tries INTEGER NOT NULL,
    sealed TEXT NOT NULL
)

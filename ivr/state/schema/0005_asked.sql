-- Who was asked on a day how content they are, by token: a day's are taken out when it is over.
CREATE TABLE asked_today (
    day VARCHAR(10) NOT NULL,
    token VARCHAR(64) NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (day, token)
)

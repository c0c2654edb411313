-- Days of Beijing time, as questions ask for them.
CREATE MACRO on_days(utc, first_day, last_day) AS
utc >= first_day::TIMESTAMP - INTERVAL 8 HOUR AND utc < last_day::TIMESTAMP + INTERVAL 16 HOUR;
COMMENT ON MACRO on_days IS 'Whether a UTC time is within two days of Beijing time, both included.';

CREATE MACRO percent(part, whole) AS round(100.0 * part / nullif(whole, 0), 1);
COMMENT ON MACRO percent IS 'A share of a whole in percent, to one decimal; NULL of nothing.';

COMMENT ON TABLE schema_version IS 'Which versions of this schema were applied, and when (UTC).';

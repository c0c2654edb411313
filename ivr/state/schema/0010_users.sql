-- The console's users, each as JSON with the hash of the password.
CREATE TABLE console_user (
    name VARCHAR(64) PRIMARY KEY,
    body TEXT NOT NULL
)

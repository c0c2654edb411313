-- What callers hear on a node: the hash of its release, which the line's is compared with.
ALTER TABLE node ADD COLUMN prompts VARCHAR(64) NOT NULL DEFAULT ''

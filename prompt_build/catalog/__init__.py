"""The catalog: every sentence that callers hear, read from TOML and checked before it is spoken."""

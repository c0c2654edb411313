"""From `scripts.zh.toml` to the clips that callers hear."""

"""The programs around the service: they start, watch, examine and tidy."""

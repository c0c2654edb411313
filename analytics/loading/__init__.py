"""From spools to the published database."""

"""What several machines of one line agree on, in a database that all reach: `[state]`."""

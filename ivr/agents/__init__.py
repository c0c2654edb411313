"""The agents' phones: who is there, who is free."""

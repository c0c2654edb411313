"""The call at an agent's desk: what an agent or a supervisor may do with it, and who is in it."""

"""The line: the event pump, each call's life, and what a new call is given."""

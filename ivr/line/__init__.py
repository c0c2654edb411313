"""The line: its event pump, each call's life, what is found in Asterisk, what a call is given."""

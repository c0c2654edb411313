"""The Asterisk that carries the line: how it is found or installed, configured and run."""

"""Asterisk's words and ours: nobody else knows its JSON and paths."""

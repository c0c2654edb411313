"""Alarms: somebody is told that the line is not well, once, and when it is well again."""

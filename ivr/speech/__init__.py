"""Prompts and values become clips."""

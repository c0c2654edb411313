"""Calls that the line makes itself: whom it may call, which tries there were, how each goes."""

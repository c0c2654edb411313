"""Tests of the agents: their states, their book, who is free for whom."""

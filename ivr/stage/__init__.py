"""The dialogues without a telephone: rehearsed, drawn, printed, talked to."""

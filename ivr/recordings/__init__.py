"""What callers have said: filed, kept, found again."""

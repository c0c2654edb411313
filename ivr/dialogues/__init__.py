"""The script, one coroutine per place of it."""

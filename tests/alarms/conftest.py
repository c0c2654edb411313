"""The console's fixtures: alarms are answered there."""

from tests.console.conftest import console, quick_passwords

__all__ = ["console", "quick_passwords"]

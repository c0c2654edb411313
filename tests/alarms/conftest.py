"""The console's fixtures: alarms are answered there."""

from tests.console.conftest import console, users_of_tests

__all__ = ["console", "users_of_tests"]

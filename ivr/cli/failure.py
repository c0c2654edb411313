"""How a command says that it cannot do what was asked."""

from __future__ import annotations


class CommandFailure(Exception):
    """One clear message that says what is wrong and what to do; ends the command.

    Exit codes: 1 the thing itself failed or a check found faults; 2 wrong use or settings;
    3 something that it needs is not there yet (and the message says which command makes it);
    4 another service has taken the calls: not to be started again.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

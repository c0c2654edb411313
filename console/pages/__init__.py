"""One module for each page; what is not in this list is in no menu."""

from __future__ import annotations

from console.pages import calls, duty, password, phone, signing, start, users
from console.routes import Page

EVERY_PAGE: tuple[Page, ...] = (
    start.PAGE,
    signing.PAGE,
    duty.PAGE,
    calls.PAGE,
    phone.PAGE,
    users.PAGE,
    password.PAGE,
)
"""In the order of the menu."""

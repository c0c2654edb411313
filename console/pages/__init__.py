"""One module for each page; what is not in this list is in no menu."""

from __future__ import annotations

from console.pages import password, phone, signing, start, users
from console.routes import Page

EVERY_PAGE: tuple[Page, ...] = (start.PAGE, phone.PAGE, signing.PAGE, users.PAGE, password.PAGE)
"""In the order of the menu."""

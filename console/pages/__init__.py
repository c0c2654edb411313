"""One module for each page; what is not in this list is in no menu."""

from __future__ import annotations

from console.pages import phone, start
from console.routes import Page

PAGES: tuple[Page, ...] = (start.PAGE, phone.PAGE)
"""In the order of the menu."""

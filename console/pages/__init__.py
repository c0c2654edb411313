"""One module for each page; what is not in this list is in no menu."""

from __future__ import annotations

from console.pages import (
    alarms,
    announcements,
    audit,
    calls,
    cases,
    duty,
    factor,
    night,
    password,
    phone,
    reports,
    schedules,
    settings,
    signing,
    sql,
    start,
    users,
    words,
)
from console.routes import Page

EVERY_PAGE: tuple[Page, ...] = (
    start.PAGE,
    signing.PAGE,
    duty.PAGE,
    announcements.PAGE,
    alarms.PAGE,
    night.PAGE,
    cases.PAGE,
    calls.PAGE,
    reports.PAGE,
    schedules.PAGE,
    words.PAGE,
    sql.PAGE,
    users.PAGE,
    settings.PAGE,
    audit.PAGE,
    phone.PAGE,
    password.PAGE,
    factor.PAGE,
)
"""In the order of the menu; whoever signs in comes to the first that they may open."""

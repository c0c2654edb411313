"""One module for each page; what is not in this list is in no menu."""

from __future__ import annotations

from console.pages import (
    alarms,
    announcements,
    audit,
    callbacks,
    calling,
    calls,
    case_files,
    cases,
    desk,
    duty,
    enclosing,
    factor,
    hearing,
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
    desk.PAGE,
    callbacks.PAGE,
    announcements.PAGE,
    alarms.PAGE,
    night.PAGE,
    cases.PAGE,
    case_files.PAGE,
    hearing.PAGE,
    enclosing.PAGE,
    calling.PAGE,
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

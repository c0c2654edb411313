"""Which numbers may be dialled at all: mobiles and fixed lines of this country; pure.

No prefix, nothing from abroad, no service (110, 12329, 95…, 96…, 400, 800), no satellite telephone
(1349, 174: dear), and never the line itself. GB/T 3976-2014: mobile numbers of eleven digits, area
codes behind a 0, local numbers that begin with 2 to 8.
"""

from __future__ import annotations

import re
from typing import Final

from ivr.config import DialKind, Settings
from ivr.people.callers import Callers
from ivr.people.sensitive import Sensitive

_FORMS: Final[dict[DialKind, re.Pattern[str]]] = {
    "mobile": re.compile(r"1(?!349|74)[3-9][0-9]{9}"),
    "fixed": re.compile(r"0(?:10|2[0-9])[2-8][0-9]{7}|0[3-9][0-9]{2}[2-8][0-9]{6,7}"),
}


def dialable(told: Sensitive[str], settings: Settings) -> Sensitive[str] | None:
    """The number in the one form in which it is dialled; None where it must not be."""
    number = Callers.of(settings).known(told.reveal())
    if number is None:
        return None
    forms = (_FORMS[kind] for kind in settings.dialling.kinds)
    return Sensitive(number) if any(form.fullmatch(number) for form in forms) else None

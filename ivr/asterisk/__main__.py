"""`python -m ivr.asterisk`: see to it that there is an Asterisk, and say where."""

from __future__ import annotations

import sys

from ivr.asterisk.locate import AsteriskUnavailable, install


def main() -> int:
    """Exit code 1 and one clear line when there is none and none can be had."""
    try:
        found = install()
    except AsteriskUnavailable as unavailable:
        print(f"ivr: {unavailable}", file=sys.stderr)
        return 1
    print(f"Asterisk: {found.root or 'the machine’s own'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.dependencies`: known vulnerabilities in the pinned packages, where asked for.

A vulnerability that is found fails the check. A network that cannot be asked does not: who works
offline could not mend it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ivr.config import PROJECT

WHOLE_SECONDS = 60
SOCKET_SECONDS = 5
COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock"),
    *("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"),
    *("--timeout", str(SOCKET_SECONDS)),
)


def vulnerable(report: Mapping[str, Any]) -> list[str]:
    """One line for each package with a known vulnerability: what it is, and what mends it."""
    return [
        f"{package['name']} {package['version']}: {found['id']},"
        f" mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in report["dependencies"]
        for found in package.get("vulns", ())
    ]


def unknown(report: Mapping[str, Any]) -> int:
    """How many packages the service knew nothing of."""
    return sum("skip_reason" in package for package in report["dependencies"])


def main() -> int:
    """Print what was found; the exit code."""
    try:
        asked = subprocess.run(
            COMMAND, cwd=PROJECT, capture_output=True, timeout=WHOLE_SECONDS, check=False
        )
        report = json.loads(asked.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        print("pip-audit: its service cannot be reached; nothing is known of the packages")
        return 0
    found = vulnerable(report)
    print(*found, sep="\n", end="\n" if found else "")
    total, skipped = len(report["dependencies"]), unknown(report)
    print(f"pip-audit: {total - skipped} of {total} packages were known, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

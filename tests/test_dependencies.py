"""What a report of pip-audit means."""

from __future__ import annotations

from tests.dependencies import unknown, vulnerable

REPORT = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {
            "name": "bad",
            "version": "2",
            "vulns": [
                {"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": ""},
                {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": ""},
            ],
        },
        {"name": "ours", "skip_reason": "not found"},
    ],
    "fixes": [],
}


def test_every_vulnerability_is_named_with_what_mends_it() -> None:
    assert vulnerable(REPORT) == [
        "bad 2: PYSEC-1, mended in 2.1",
        "bad 2: PYSEC-2, mended in no version yet",
    ]


def test_packages_that_the_service_does_not_know_are_counted() -> None:
    assert unknown(REPORT) == 1

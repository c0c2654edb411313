"""Where a query looks people up, by its text."""

from __future__ import annotations

import pytest

from ivr.config.queries import looked_up_in

GIVEN = "SELECT a AS balance FROM "


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("GRZHXX WHERE ZJHM IN (:id18, :id15)", ("GRZHXX", "ZJHM")),
        ("fund WHERE id_number = :id18 OR id_number = :id15", ("fund", "id_number")),
        ("GRZHXX g JOIN DWZHXX d ON d.DWZH = g.DWZH WHERE g.ZJHM IN (:id18, :id15)",
         ("GRZHXX", "ZJHM")),
        ("DWZHXX AS d LEFT JOIN gjj.GRZHXX AS g USING (DWZH) WHERE :id18 = g.ZJHM",
         ("gjj.GRZHXX", "ZJHM")),
        ("DWZHXX d, GRZHXX g WHERE d.DWZH = g.DWZH AND (g.ZJHM=:id15 OR g.ZJHM=:id18)",
         ("GRZHXX", "ZJHM")),
        ("gjj.dbo.[个人账户] WHERE [证件号] = :id18", ("gjj.dbo.[个人账户]", "[证件号]")),
        ('"GRZHXX" WHERE "GRZHXX"."ZJHM" = :id18', ('"GRZHXX"', '"ZJHM"')),
        ("`grzhxx` WHERE upper(trim(`zjhm`)) = :id18 LIMIT 5", ("`grzhxx`", "`zjhm`")),
        ("t -- not d WHERE x = :id18\n WHERE n = ':id18' OR zjhm = :id18", ("t", "zjhm")),
        ("t WHERE k IN (SELECT k FROM p WHERE p.zjhm = :id18)", ("p", "zjhm")),
        ("t WHERE zjhm = (:id18)", ("t", "zjhm")),
        # What the text does not tell.
        ("a JOIN b ON a.k = b.k WHERE zjhm = :id18", None),
        ("(SELECT * FROM t) s WHERE s.zjhm = :id18", None),
        ("t WHERE zjhm LIKE :id18 || '%'", None),
        ("t WHERE CAST(zjhm AS CHAR(18)) = :id18", None),
        ("t WHERE 1 = 1", None),
    ],
)  # fmt: skip
def test_table_and_column_are_told(query: str, place: tuple[str, str] | None) -> None:
    assert looked_up_in(GIVEN + query) == place


def test_a_query_in_front_is_no_table() -> None:
    query = "WITH s AS (SELECT * FROM t) SELECT a FROM s WHERE s.zjhm = :id18"
    assert looked_up_in(query) is None

"""How many connections the nodes of a line may need, and whether their PostgreSQL has so many.

Whoever comes when it has no more is refused: a node that loses its connections then goes on by what
it knows itself, as if the database was away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, text

from ivr.state.nodes import NODE
from ivr.state.shared import CONNECTIONS

OF_A_NODE: Final = CONNECTIONS + 4
"""Its service's, and one each for its cases, its console, its courier and a command."""
_SERVER: Final = text(
    "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int,"
    " (SELECT count(*) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND datname IS DISTINCT FROM current_database())"
)


@dataclass(frozen=True, slots=True)
class Connections:
    """What there is, and who needs it."""

    most: int
    """That PostgreSQL gives to all its databases together."""
    elsewhere: int
    """Used by other databases of it now, such as other centres'."""
    nodes: int

    @property
    def complaint(self) -> str:
        """What to do where they do not suffice; empty where they do."""
        needed = self.elsewhere + self.nodes * OF_A_NODE
        if needed <= self.most:
            return ""
        return (
            f"PostgreSQL 的连接不够：{self.nodes} 个节点各 {OF_A_NODE} 个，别的库用着"
            f" {self.elsewhere} 个，一共 {needed} 个，它最多给 {self.most} 个："
            f"max_connections 至少 {needed + 20}，重启 PostgreSQL"
            " · raise max_connections and restart PostgreSQL"
        )


def connections(rows: Connection) -> Connections | None:
    """As they are now; None on SQLite, which has no server."""
    if rows.dialect.name != "postgresql":
        return None
    most, elsewhere = rows.execute(_SERVER).one()
    nodes = rows.execute(select(func.count()).select_from(NODE)).scalar_one()
    return Connections(most, elsewhere, nodes)

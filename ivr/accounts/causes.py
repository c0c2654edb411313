"""Why a database does not answer, in words that lead to the remedy, and nothing of any person.

A driver's own message may hold what was asked for; only names of columns, tables and modules are
taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A kind of failure, told by what drivers say; `{0}` is the name that they tell."""

    pattern: re.Pattern[str]
    words: str


def _cause(pattern: str, words: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE | re.DOTALL), words)


_NAME = r"[\"'`\[]?([\w.$]+)[\"'`\]]?"
CAUSES = (
    _cause(
        r"could not determine version",
        "这个数据库自报的版本 SQLAlchemy 不认，连不上：换厂商的方言，或每晚导出 CSV 再导入"
        "（docs/settings.md） · SQLAlchemy does not know the version that this database tells",
    ),
    _cause(
        r"password authentication failed|access denied for user|ORA-01017|login failed|"
        r"no password supplied|role .* does not exist|28P01|28000",
        "用户名或口令不对：改 accounts.url（@ 等字符写成 %40） · wrong user or password",
    ),
    _cause(
        r"database .* does not exist|unknown database|ORA-12514|cannot open database",
        "没有这个库：改 accounts.url 末尾的库名 · there is no such database",
    ),
    _cause(
        r"connection refused|can't connect to .*\(111|ORA-12541|errno 111|actively refused",
        "连接被拒绝：主机通，端口上没有数据库；看端口写得对不对、数据库起来没有"
        " · connection refused: nothing listens on that port",
    ),
    _cause(
        r"name or service not known|name resolution|getaddrinfo|unknown host|nodename nor servname"
        r"|could not translate host|failed to resolve|no address associated",
        "主机名解析不了：改 accounts.url 里的主机 · the host name is not known",
    ),
    _cause(
        r"no route to host|network is unreachable|host is unreachable|errno 113|errno 101",
        "网络到不了那台主机：看路由和防火墙 · the host cannot be reached",
    ),
    _cause(
        r"timed? ?out|timeout",
        "没有回应：看防火墙和数据库的负荷 · no answer in time",
    ),
    _cause(
        rf"no such column:? {_NAME}|column {_NAME} does not exist|unknown column {_NAME}"
        rf"|invalid column name {_NAME}|ORA-00904:? {_NAME}",
        "查询里的列 {0} 不存在：改 accounts 的查询 · the query names no column {0}",
    ),
    _cause(
        rf"no such table:? {_NAME}|relation {_NAME} does not exist|table {_NAME} doesn't exist"
        rf"|invalid object name {_NAME}|ORA-00942",
        "查询里的表 {0} 不存在，或没有权限：改 accounts 的查询 · there is no table {0}",
    ),
    _cause(
        r"permission denied|command denied|ORA-01031|permission was denied|insufficient privilege",
        "数据库用户没有读的权限：请管理员授权 SELECT · this user may not read",
    ),
    _cause(
        r"syntax error|error in your sql syntax|ORA-009\d\d|incorrect syntax|incomplete input",
        "查询不是合格的 SQL：改 accounts 的查询 · the query is no SQL that this database knows",
    ),
    _cause(
        r"bind(?:ing)? (variable|parameter)|parameter .* required",
        "查询的参数只能是 :id18 和 :id15 · a query takes :id18 and :id15 only",
    ),
    _cause(
        r"disk is full|no space left|disk i/o error",
        "磁盘已满或坏了 · the disk is full or broken",
    ),
    _cause(
        r"file is not a database|malformed",
        "文件不是数据库，或已损坏：从备份恢复，或重新导入 · no database, or a damaged one",
    ),
    _cause(
        r"unable to open database file",
        "数据库文件打不开：看路径和权限 · the database file cannot be opened",
    ),
    _cause(
        r"(?:libodbc|can't open lib) ?'?([\w.]*)",
        "ODBC 驱动没有装好 · the ODBC driver is not installed",
    ),
)  # fmt: skip


def cause(failed: BaseException) -> str:
    """What a failure comes from; the kind of error where nobody has met it yet."""
    for each in CAUSES:
        for said in _said(failed):
            if found := each.pattern.search(said):
                return each.words.format(next((name for name in found.groups() if name), "?"))
    return _kind(failed)


def _said(failed: BaseException) -> Iterator[str]:
    """What an error and those behind it say."""
    seen: BaseException | None = failed
    while seen is not None:
        yield str(getattr(seen, "orig", None) or seen)
        seen = seen.__cause__ or seen.__context__


def _kind(failed: BaseException) -> str:
    """The driver's name of an error, with its number where it has one."""
    behind = failed if str(failed) else failed.__cause__ or failed
    original = getattr(behind, "orig", None) or behind
    number = getattr(original, "sqlstate", None)
    return type(original).__name__ + (f" ({number})" if number else "")


def missing_driver(backend: str, driver: str) -> str:
    """What to write or install where a URL's driver is not here, or cannot wait for others."""
    wanted, package = _DRIVERS.get(backend, (driver, driver))
    if driver != wanted:
        return (
            f"accounts.url 要写成 {backend}+{wanted}://…（{driver} 没有装，或者不是异步驱动）"
            f" · it needs an async driver: {backend}+{wanted}"
        )
    return (
        f"没有装驱动 {driver}：`.venv/bin/pip install {package}`"
        f" · the async driver is not installed (docs/settings.md)"
    )


_DRIVERS = {
    "sqlite": ("pysqlite", "pysqlite"),
    "postgresql": ("psycopg", '"psycopg[binary]"'),
    "mysql": ("asyncmy", "asyncmy"),
    "oracle": ("oracledb_async", "oracledb"),
    "mssql": ("aioodbc", "aioodbc"),
}
"""Of each kind of database: the driver that waits without blocking, and its package."""

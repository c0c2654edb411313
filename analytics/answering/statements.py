"""Statements that people write themselves: read as DuckDB reads them, and held to the views.

A statement is one question about the published views. What it names is looked up in its own syntax
tree, as DuckDB parses it, against short lists of what may be asked: nothing else is ever run.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from analytics.answering.asking import SCHEMA, CannotAnswer, ResultSet, answer
from analytics.answering.views import ALL, literal

PSEUDONYMS: Final = ("caller", "person")
"""Columns that hold the token of a person: asked under another name each time."""
WITHHELD: Final = ("path", "sha256")
"""Columns that lead to somebody's voice."""
TABLE_FUNCTIONS: Final = frozenset(
    {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree", "days_between"}
)
"""Which make rows of their own; all others read files, settings, or other people's statements."""
_UNSEEN_FUNCTIONS: Final = re.compile(
    r"current_setting|getvariable|getenv|current_quer.*|json_serialize.*|json_deserialize.*"
    r"|.*sleep.*|write_log|nextval|currval|.*_privilege|pg_.*|which_secret"
)
"""Functions that tell of the machine, or hold it up."""
_NAME: Final = re.compile(r"\w+")
_PARAMETER: Final = re.compile(r"\$([^\W\d]\w*)\s*::\s*(\w+)")
_PRIVATE: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:\d{17}[\dXx]|\d{15}|(?:0?1[3-9]\d{9}))(?![0-9A-Za-z])"
)
"""What looks like a Chinese ID number or a mobile telephone's."""
_WHERE: Final = "下面“有哪些表和列”里有全部的名字"


@dataclass(frozen=True, slots=True)
class Statement:
    """One that may be run."""

    text: str
    parameters: frozenset[str]
    """Names of the values that it wants, without `$`."""


def parameters(text: str) -> dict[str, str]:
    """The values that a text asks for, `$name::TYPE`, in its order: name -> type."""
    return {name: kind.upper() for name, kind in _PARAMETER.findall(text)}


def is_private(text: str) -> bool:
    """Whether it holds what looks like a number of somebody."""
    return _PRIVATE.search(text) is not None


def refuse_private(*texts: str) -> None:
    """Raises CannotAnswer for a text with a number of somebody: such texts are kept and noted."""
    if any(map(is_private, texts)):
        raise CannotAnswer(
            "请不要写证件号或手机号：话务记录里没有，查不到；写下的查询却会留在审计里。删去后再试"
        )


def read(facts: duckdb.DuckDBPyConnection, text: str) -> Statement:
    """The statement, which names nothing but what may be asked; raises CannotAnswer."""
    tree = _parsed(facts, text)
    nodes = list(_nodes(tree))
    own = _own_names(facts, nodes)
    views = frozenset(_views(facts))
    for node in nodes:
        _check(node, views | own)
    wanted = frozenset(
        str(node["identifier"]) for node in nodes if node.get("type") == "VALUE_PARAMETER"
    )
    if unnamed := sorted(name for name in wanted if not _NAME.fullmatch(name) or name.isdigit()):
        raise CannotAnswer(f"参数要有名字，例如 $from::DATE；这里是 {unnamed[0]}")
    return Statement(_written(facts, text), wanted)


def _parsed(facts: duckdb.DuckDBPyConnection, text: str) -> Any:
    """The syntax tree of one question."""
    ((told,),) = facts.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
    tree = json.loads(told)
    if tree["error"] and tree["error_type"] == "parser":
        raise CannotAnswer(f"语法不对，请检查逗号、括号和引号：{tree['error_message']}")
    if tree["error"]:
        raise CannotAnswer(
            "只能查询：用 SELECT 或 WITH 开头的一句，不能修改、装载、导出，也不能设置"
        )
    if len(tree["statements"]) != 1:
        raise CannotAnswer("请只写一句查询，分号后面不要再写")
    return tree


def _written(facts: duckdb.DuckDBPyConnection, text: str) -> str:
    """The statement as its tree says it: without comments, and with no semicolon behind."""
    told = facts.execute("SELECT json_deserialize_sql(json_serialize_sql(?))", [text]).fetchall()
    return str(told[0][0]).rstrip("; ")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree; without recursion, for a statement may be nested deeply."""
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield here
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _own_names(facts: duckdb.DuckDBPyConnection, nodes: Iterable[dict[str, Any]]) -> frozenset[str]:
    """What the statement itself defines by WITH; never a name that means something elsewhere."""
    named = {
        str(entry["key"]).lower()
        for node in nodes
        if "cte_map" in node
        for entry in node["cte_map"]["map"]
    }
    taken = facts.execute(
        "SELECT lower(view_name) FROM duckdb_views() UNION SELECT lower(table_name)"
        " FROM duckdb_tables() UNION SELECT lower(function_name) FROM duckdb_functions()"
        " WHERE function_type LIKE 'table%'"
    ).fetchall()
    for name in sorted(named):
        if (name,) in taken or not _NAME.fullmatch(name):
            raise CannotAnswer(f"WITH 里的名字 {name} 已经有别的意思，请换一个")
    return frozenset(named)


def _check(node: Mapping[str, Any], names: frozenset[str]) -> None:
    """Raises CannotAnswer for a table, a function or a command that may not be asked."""
    match node.get("type"):
        case "BASE_TABLE":
            _check_table(node, names)
        case "TABLE_FUNCTION":
            called = str(node["function"].get("function_name", "")).lower()
            if called not in TABLE_FUNCTIONS or node["function"].get("catalog"):
                raise CannotAnswer(f"这里不能用 {called}：查询只能读发布的表，不能读文件。{_WHERE}")
        case "SHOW_REF" if node.get("query") is None or node.get("table_name"):
            raise CannotAnswer(f"不用 SHOW：{_WHERE}")
    called = str(node.get("function_name", "")).lower()
    if _UNSEEN_FUNCTIONS.fullmatch(called):
        raise CannotAnswer(f"这里不能用函数 {called}：它说的是这台机器，不是话务")


def _check_table(node: Mapping[str, Any], names: frozenset[str]) -> None:
    name = str(node["table_name"])
    if node["schema_name"] or node["catalog_name"]:
        full = ".".join(filter(None, (node["catalog_name"], node["schema_name"], name)))
        raise CannotAnswer(f"表名前面不写别的：不是 {full}，是 {name}。{_WHERE}")
    if name.lower() not in names:
        raise CannotAnswer(f"没有 {name} 这个表：{_WHERE}")


# --- what may be asked ------------------------------------------------------------------------


def described(facts: duckdb.DuckDBPyConnection) -> ResultSet:
    """The views that may be asked, and their columns with their meaning."""
    told = answer(facts, SCHEMA)
    shown = [row for row in told.rows if str(row[2]) not in WITHHELD]
    return ResultSet(told.columns[1:], tuple(row[1:] for row in shown))


def veil(facts: duckdb.DuckDBPyConnection) -> None:
    """Cover each table of facts with one that tells people apart within this answer only.

    A token stays the same within one answer, so that callers can be counted and their calls be
    joined, and is another one in the next: nobody can be followed, or asked for by `ivr who`.
    The views that stand on the tables name them, and so stand on their covers from now on.
    """
    salt = secrets.token_hex(16)
    ((published,),) = facts.execute("SELECT current_database()").fetchall()
    columns_of = _views(facts)
    for view in ALL:
        columns = columns_of[view]
        renewed = [
            f"left(sha256({literal(salt)} || {name}), 12) AS {name}"
            for name in columns
            if name in PSEUDONYMS
        ]
        withheld = [name for name in columns if name in WITHHELD]
        shown = "*"
        if withheld:
            shown += f" EXCLUDE ({', '.join(withheld)})"
        if renewed:
            shown += f" REPLACE ({', '.join(renewed)})"
        source = f'"{published}".main."{view}"'
        facts.execute(f'CREATE TEMP VIEW "{view}" AS SELECT {shown} FROM {source}')


def _views(facts: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The published views and their columns."""
    found: dict[str, list[str]] = {}
    for table, column, _ in facts.execute(
        "SELECT DISTINCT table_name, column_name, column_index FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal"
        " AND table_name IN (SELECT view_name FROM duckdb_views()"
        " WHERE database_name = current_database() AND schema_name = 'main')"
        " ORDER BY table_name, column_index"
    ).fetchall():
        found.setdefault(str(table), []).append(str(column))
    return found


# --- answers ----------------------------------------------------------------------------------


def first_rows(
    facts: duckdb.DuckDBPyConnection, statement: Statement, values: Mapping[str, str], most: int
) -> tuple[ResultSet, bool]:
    """The first rows of the answer, and whether there are more; raises CannotAnswer."""
    lacking = sorted(statement.parameters - values.keys())
    if lacking:
        raise CannotAnswer(
            f"请填参数 {'、'.join(lacking)}；在查询里写成 $名字::类型，如 $from::DATE"
        )
    given = {name: values[name] for name in statement.parameters}
    try:
        result = facts.execute(f"FROM (\n{statement.text}\n) LIMIT {most + 1}", given or None)
        columns = tuple(column[0] for column in result.description or ())
        rows = result.fetchall()
    except duckdb.Error as refused:
        raise CannotAnswer(_told(refused)) from refused
    return ResultSet(columns, tuple(rows[:most])), len(rows) > most


_ADVICE: Final = "Possible solutions:"
"""After it DuckDB says what to set; here nothing is set."""
_REMEDIES: Final[tuple[tuple[type[duckdb.Error], str], ...]] = (
    (duckdb.OutOfMemoryException, "要的内存超过了限额：请缩短日期范围，或先 GROUP BY 汇总"),
    (duckdb.ParserException, "语法不对，请检查逗号、括号和引号"),
    (duckdb.CatalogException, f"没有这个表或函数，{_WHERE}"),
    (duckdb.BinderException, f"列名或类型不对，{_WHERE}"),
    (duckdb.ConversionException, "有的值转换不了：请核对参数，或用 TRY_CAST"),
    (duckdb.OutOfRangeException, "数字太大：请换一种类型，例如 ::DOUBLE"),
    (duckdb.InvalidInputException, "有的值用不了：请核对参数和函数的用法"),
    (duckdb.PermissionException, "只能查询发布的表"),
)


def _told(refused: duckdb.Error) -> str:
    """What to do, and DuckDB's own words; of files none, for they would tell of this machine."""
    if isinstance(refused, duckdb.IOException):
        return "话务记录的文件读不了：稍后再试；还不行，请管理员看 `ivr doctor`"
    if "pytz" in str(refused):
        return "带时区的时间显示不了：写成 now()::TIMESTAMP，或用 local_time(…) 得到北京时间"
    for kind, remedy in _REMEDIES:
        if isinstance(refused, kind):
            return f"{remedy}。{str(refused).partition(_ADVICE)[0].strip()}"
    return f"这个问题答不了：{refused}"

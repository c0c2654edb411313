"""The columns of exports: what may stand in a field, what is kept of it, and what is wrong.

Each is SQL of DuckDB, so that ten million of them are checked in a minute: FIELD stands for the
field as it was exported, VALUE for the same without what surrounds its value. What is beyond the
ranges that a call can say is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.accounts.passwords import DIGITS
from ivr.speech.ranges import RANGES

SPACES = " \t\u3000\u00a0"
_WEIGHTS = tuple(2 ** (17 - at) % 11 for at in range(17))
"""Of GB 11643's check digit, which stand for the remainder 1 with the digit itself added."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export."""

    name: str
    names: Sequence[str]
    """What exports call it, its own name first."""
    kept: str
    """The column of the database that it goes to."""
    clean: str
    """SQL over FIELD: the field without what surrounds its value."""
    fault: str
    """SQL over VALUE: the key of what is wrong (`WRONG`), or NULL."""
    value: str
    """SQL over VALUE: what is kept, where nothing is wrong."""


WRONG: Mapping[str, str] = {
    "id_empty": "没有证件号",
    "scientific": "是科学计数法：表格软件把数字改坏了，请把这一列设为文本后重新导出",
    "full_width": "有全角字符：请改成半角",
    "id": "不是十五位或十八位的证件号 (neither 15 nor 18 digits)",
    "month": "不是年月：请写成 YYYY-MM",
    "year_beyond": f"年份不在 {RANGES['year']} 之间，电话里没法播报；没有就空着",
    "amount": "不是金额：请写成 500.25，最多两位小数 (no amount)",
    "null": "没有就空着，不写字",
    "negative": "是负数：请核对",
    "currency": "有货币符号或单位：只写数字",
    "comma": "逗号不在千位上：金额写成 500.25",
    "decimals": "超过两位小数：请核对",
    "amount_beyond": f"超过 {RANGES['amount'].most:,} 元，电话里没法播报：请核对",
    "count": "不是整数",
    "years": "不是整年，也合不成整月：按月请用 term_months 列",
    "years_beyond": f"不在 1 个月到 {RANGES['term_years'].most} 年之间，电话里没法播报：请核对",
    "months_beyond": f"不在 {RANGES['term_months']} 个月之间，电话里没法播报：请核对",
    "periods_beyond": f"不在 {RANGES['periods']} 之间，电话里没法播报：请核对",
    "password": f"既不是 {DIGITS} 位数字，也不是 Argon2id 散列 (no password)",
}
"""What is wrong with a field, and what to do about it."""


def _case(*branches: tuple[str, str], otherwise: str = "NULL") -> str:
    whens = " ".join(f"WHEN {condition} THEN {result}" for condition, result in branches)
    return f"CASE {whens} ELSE {otherwise} END"


def _is(pattern: str) -> str:
    return f"regexp_full_match(VALUE, '{pattern}')"


_TRIMMED = _case(
    (" OR ".join(f"contains(FIELD, '{space}')" for space in SPACES), f"trim(FIELD, '{SPACES}')"),
    otherwise="FIELD",
)
"""Trimming is slow, and hardly ever needed."""
_SCIENTIFIC = _is(r"[-+]?\d*\.?\d+[eE][-+]?\d+")
_FULL_WIDTH = "regexp_matches(VALUE, '[０-９Ｘｘ，．－：／]')"

_ID = _is(r"\d{17}[\dX]|\d{15}")
_ID_FAULT = _case(
    (_ID, "NULL"),
    ("VALUE = ''", "'id_empty'"),
    (_SCIENTIFIC, "'scientific'"),
    (_FULL_WIDTH, "'full_width'"),
    otherwise="'id'",
)
# A spreadsheet's ways to keep a number as text: '9902… and ="9902…".
_WRAPPED = "'^(=[\"“]|[''’‘`])?(.*?)([\"”]|[''’`])?$'"
_UNWRAPPED = f"trim(regexp_replace({_TRIMMED}, {_WRAPPED}, '\\2'), '{SPACES}')"
_PLAIN_ID = "len(FIELD) = 18 AND FIELD BETWEEN '0' AND ':'"
_ID_CLEAN = f"upper({_case((_PLAIN_ID, 'FIELD'), otherwise=_UNWRAPPED)})"

_DAY = r"\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{4}年\d{1,2}月\d{1,2}日"
_MIDNIGHT = r"( 0?0:00(:00(\.0+)?)?)?"
_MONTH = (
    r"\d{4}-\d{1,2}|\d{4}/\d{1,2}|\d{4}年\d{1,2}月|\d{4}\.\d{2}|\d{6}|\d{8}"
    rf"|({_DAY}){_MIDNIGHT}"
)
_YEAR_OF = "CAST(substr(VALUE, 1, 4) AS INTEGER)"
_MONTH_OF = _case(
    (_is(r"\d{6}|\d{8}"), "CAST(substr(VALUE, 5, 2) AS INTEGER)"),
    otherwise=r"CAST(regexp_extract(VALUE, '^\d{4}.(\d{1,2})', 1) AS INTEGER)",
)
_DATE_OF = r"regexp_replace(regexp_extract(VALUE, '^[^ ]+'), '[/年月]', '-', 'g')"
_IS_DAY = _case(
    (_is(r"\d{8}"), "try_strptime(VALUE, '%Y%m%d') IS NOT NULL"),
    (_is(rf"({_DAY}){_MIDNIGHT}"), f"try_cast(rtrim({_DATE_OF}, '日') AS DATE) IS NOT NULL"),
    otherwise="true",
)
_YEAR_BEYOND = f"{_YEAR_OF} NOT BETWEEN {RANGES['year'].least} AND {RANGES['year'].most}"
_THIS_AGE = f"VALUE BETWEEN '{RANGES['year'].least}-01' AND '{RANGES['year'].most}-12'"
_USUAL_MONTH = _is(r"\d{4}-(0[1-9]|1[0-2])")
_PAID_TO_FAULT = _case(
    (f"{_USUAL_MONTH} AND {_THIS_AGE}", "NULL"),
    ("VALUE = ''", "NULL"),
    (_FULL_WIDTH, "'full_width'"),
    (f"NOT {_is(_MONTH)}", "'month'"),
    (f"{_MONTH_OF} NOT BETWEEN 1 AND 12 OR NOT {_IS_DAY}", "'month'"),
    (_YEAR_BEYOND, "'year_beyond'"),
)
_PAID_TO = _case(
    ("VALUE = ''", "NULL"),
    ("VALUE LIKE '____-__'", "VALUE"),
    otherwise=f"printf('%s-%02d', substr(VALUE, 1, 4), {_MONTH_OF})",
)

_YUAN = "try_cast(replace(VALUE, ',', '') AS DECIMAL(18, 2))"
_NO_WORD = _is(r"(?i)\(?null\)?|\\N|n/?a|none|nan|--?|无")
_THOUSANDS = _is(r"\d{1,3}(,\d{3})+(\.\d*)?")
_DECIMAL = _is(r"[\d,]+\.?\d*|\.\d+")
_MORE_THAN_CENTS = r"regexp_matches(VALUE, '\.\d{2}0*[1-9]')"
_AMOUNT_FAULT = _case(
    (_is(r"\d{1,9}(\.\d{2})?"), "NULL"),
    ("VALUE = ''", "NULL"),
    (_NO_WORD, "'null'"),
    (_SCIENTIFIC, "'scientific'"),
    (_FULL_WIDTH, "'full_width'"),
    (_is(r"[-－−(].*"), "'negative'"),
    ("regexp_matches(VALUE, '[¥￥$元]|[A-Za-z]{3}')", "'currency'"),
    (f"contains(VALUE, ',') AND NOT {_THOUSANDS}", "'comma'"),
    (f"NOT {_DECIMAL}", "'amount'"),
    (_MORE_THAN_CENTS, "'decimals'"),
    (f"coalesce({_YUAN} > {RANGES['amount'].most}, true)", "'amount_beyond'"),
)
_AMOUNT = _case(("VALUE = ''", "NULL"), otherwise=f"CAST({_YUAN} AS VARCHAR)")

_WHOLE = _is(r"\d{1,6}(\.0*)?")
_NUMBER = "CAST(VALUE AS DECIMAL(18, 6))"


def _counted(beyond: str, kind: str, least: int) -> str:
    within = f"{_NUMBER} BETWEEN {least} AND {RANGES[kind].most}"
    return _case(
        ("VALUE = ''", "NULL"), (f"NOT {_WHOLE}", "'count'"), (f"NOT ({within})", f"'{beyond}'")
    )


_MONTHS = "(CAST(VALUE AS DECIMAL(18, 6)) * 12)"
_IS_YEARS = _is(r"\d{1,4}(\.\d*)?|\.\d+")
_YEARS_FAULT = _case(
    ("VALUE = ''", "NULL"),
    (f"NOT {_IS_YEARS}", "'count'"),
    (f"abs({_MONTHS} - round({_MONTHS})) > 0.01", "'years'"),
    (f"round({_MONTHS}) NOT BETWEEN 1 AND {RANGES['term_months'].most}", "'years_beyond'"),
)


def _years(months: str) -> str:
    """Years as they are kept: whole ones as integers, others to four decimals (0.5: six months)."""
    whole = f"CAST(round({months}) AS INTEGER)"
    return _case(
        ("VALUE = ''", "NULL"),
        (f"{whole} % 12 = 0", f"CAST({whole} // 12 AS VARCHAR)"),
        otherwise=f"CAST(CAST({whole} / 12.0 AS DECIMAL(9, 4)) AS VARCHAR)",
    )


ID_NUMBER = Column(
    "id_number",
    ("id_number", "id", "证件号", "证件号码", "身份证", "身份证号", "身份证号码", "ZJHM", "JKRZJH"),
    "id_number",
    _ID_CLEAN,
    _ID_FAULT,
    "VALUE",
)
PAID_TO = Column(
    "paid_to",
    ("paid_to", "缴至年月", "缴至", "缴存至", "缴至月份", "JZNY"),
    "paid_to",
    _TRIMMED,
    _PAID_TO_FAULT,
    _PAID_TO,
)
MONTHLY_DEPOSIT = Column(
    "monthly_deposit",
    ("monthly_deposit", "月缴存额", "月缴额", "月缴存金额", "YJCE"),
    "monthly_deposit",
    _TRIMMED,
    _AMOUNT_FAULT,
    _AMOUNT,
)
FUND_BALANCE = Column(
    "balance",
    ("balance", "余额", "账户余额", "个人账户余额", "公积金余额", "GRZHYE"),
    "balance",
    _TRIMMED,
    _AMOUNT_FAULT,
    _AMOUNT,
)
LOAN_BALANCE = Column(
    "balance",
    ("balance", "余额", "贷款余额", "DKYE"),
    "balance",
    _TRIMMED,
    _AMOUNT_FAULT,
    _AMOUNT,
)
TERM_YEARS = Column(
    "term_years",
    ("term_years", "贷款年限", "贷款期限(年)", "年限"),
    "term_years",
    _TRIMMED,
    _YEARS_FAULT,
    _years(_MONTHS),
)
TERM_MONTHS = Column(
    "term_months",
    ("term_months", "贷款期数", "贷款期限(月)", "贷款月数", "DKQS"),
    "term_years",
    _TRIMMED,
    _counted("months_beyond", "term_months", 1),
    _years(_NUMBER),
)
PERIODS_REPAID = Column(
    "periods_repaid",
    ("periods_repaid", "已还期数", "还款期数", "YHQS"),
    "periods_repaid",
    _TRIMMED,
    _counted("periods_beyond", "periods", 0),
    _case(("VALUE = ''", "NULL"), otherwise=f"CAST(CAST({_NUMBER} AS INTEGER) AS VARCHAR)"),
)
QUERY_PASSWORD = Column(
    "password",
    ("password", "密码", "查询密码"),
    "hash",
    _TRIMMED,
    _case(
        (rf"regexp_full_match(VALUE, '\d{{{DIGITS}}}')", "NULL"),
        (
            r"regexp_full_match(VALUE, '\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+')",
            "NULL",
        ),
        otherwise="'password'",
    ),
    "VALUE",
)


PERSON = (
    "CASE WHEN len(id_number) = 18 THEN CAST(substr(id_number, 1, 17) AS BIGINT)"
    " ELSE CAST(substr(id_number, 1, 6) || '19' || substr(id_number, 7) AS BIGINT) END"
)
"""SQL: who somebody is under either form of the number, the check digit left out."""
_BORN = (
    "try_strptime(CASE WHEN len(id_number) = 18 THEN substr(id_number, 7, 8)"
    " ELSE '19' || substr(id_number, 7, 6) END, '%Y%m%d')"
)
_SUM = " + ".join(
    f"(person // {10 ** (16 - at)} % 10) * {weight}" for at, weight in enumerate(_WEIGHTS)
)
_CHECK = (
    "CASE substr(id_number, 18) WHEN 'X' THEN 10 ELSE CAST(substr(id_number, 18) AS INTEGER) END"
)
DOUBTFUL = (
    f"{_BORN} IS NULL OR CASE WHEN len(id_number) = 18 THEN ({_SUM} + {_CHECK}) % 11 <> 1"
    " ELSE substr(id_number, 13) >= '996' END"
)
"""SQL: the check digit or birth date is wrong, so that nobody can key the number in."""

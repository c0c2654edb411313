"""Key 1: 住房公积金账户查询 (seed, section 一)."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.accounts import Fund
from ivr.calls.call import REPLAY, Call
from ivr.dialogues.inquiry import Inquiry, inquire
from ivr.dialogues.place import UP, Outcome, place
from ivr.speech.prompts import Value


@place("account.menu")
async def menu(call: Call) -> Outcome:
    """查询公积金余额请按 1，查询公积金余额帮助请按 2，返回上层查询请按*号。"""
    return await call.menu("account.menu", {"1": inquiry, "2": guide, "*": UP})


@place("account.help", up="account.menu")
async def guide(call: Call) -> Outcome:
    """查询住房公积金余额，请键入您的身份证号…"""
    return await call.menu("account.help", {"1": REPLAY, "*": UP})


@place("account.inquiry", up="account.menu")
async def inquiry(call: Call) -> Outcome:
    """您的住房公积金已缴至…，月缴存额…，您的余额为…"""
    return await inquire(call, FUND)


def _slots(fund: Fund) -> Mapping[str, Value | None]:
    return {
        **fund.others,
        "paid_to": fund.paid_to,
        "monthly_deposit": fund.monthly_deposit,
        "balance": fund.balance,
    }


FUND = Inquiry(
    source="fund",
    ask=lambda accounts, number: accounts.fund(number),
    slots=_slots,
    readout="account.readout",
    not_found="account.not_found",
    several="account.several",
    closed="account.closed",
    empty="account.empty",
)

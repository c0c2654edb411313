"""Key 2: 住房公积金个人贷款查询 (seed, section 二)."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.accounts import Loan
from ivr.calls.call import REPLAY, Call
from ivr.dialogues.inquiry import Inquiry, inquire
from ivr.dialogues.place import UP, Outcome, place
from ivr.speech.prompts import Value


@place("loan.menu")
async def menu(call: Call) -> Outcome:
    """查询公积金个人贷款请按 1，查询公积金个人贷款帮助请按 2，返回上层查询请按*号。"""
    return await call.menu("loan.menu", {"1": inquiry, "2": guide, "*": UP})


@place("loan.help", up="loan.menu")
async def guide(call: Call) -> Outcome:
    """查询住房公积金个人贷款，请键入您的身份证号…"""
    return await call.menu("loan.help", {"1": REPLAY, "*": UP})


@place("loan.inquiry", up="loan.menu")
async def inquiry(call: Call) -> Outcome:
    """贷款年限…年，还款期数…期，您的贷款余额为…"""
    return await inquire(call, LOAN)


def _slots(loan: Loan) -> Mapping[str, Value | None]:
    return {
        **loan.others,
        "term": loan.term_months,
        "periods": loan.periods_repaid,
        "balance": loan.balance,
    }


LOAN = Inquiry(
    source="loan",
    ask=lambda accounts, number: accounts.loan(number),
    slots=_slots,
    readout="loan.readout",
    not_found="loan.not_found",
    several="loan.several",
    closed="loan.empty",  # no code of a loan is in `accounts.closed`
    empty="loan.empty",
)

"""What the code and the catalog have agreed on: prompts, the values of a call in them, their keys.

One place from which the catalog's check, its schema and the service draw. A dialogue that speaks
a new prompt, fills in a new value or takes a new key adds it here; a test reads the code and
compares. Words change in the catalog; what stands here changes with the code only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DTMF = frozenset("0123456789*#")
"""The keys of a telephone. A to D, which some gateways send, mean nothing to anybody."""


@dataclass(frozen=True, slots=True)
class Clause:
    """What the code does with one prompt."""

    slots: Mapping[str, str] = field(default_factory=dict)
    """The values that a call can fill in: name → the kind of its reading, or a table of codes."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a menu, in the seed's order: key → words that sentences use for what it does."""

    open: bool = False
    """Whether any further column of the centre's query may be filled in, in any kind."""

    def fills(self, slot: str, kind: str) -> bool:
        """Whether a call has a value of this name, to be read as this kind."""
        return self.slots.get(slot, kind if self.open else "") == kind

    @property
    def menu(self) -> bool:
        """Whether a key is waited for."""
        return bool(self.keys)


@dataclass(frozen=True, slots=True)
class Contract:
    """Every prompt that the code speaks, and the branches of the information tree it leads to."""

    clauses: Mapping[str, Clause]
    branches: tuple[str, ...] = ()
    """Keys of the main menu behind which the catalog's own tree stands."""

    @property
    def spoken(self) -> tuple[str, ...]:
        """The names of all of them, the roots of the tree included."""
        return (*self.clauses, *(f"information.{key}" for key in self.branches))


def _said(**slots: str) -> Clause:
    return Clause(MappingProxyType(slots))


def _readout(**slots: str) -> Clause:
    return Clause(MappingProxyType(slots), open=True)


def _menu(keys: Mapping[str, str]) -> Clause:
    """`keys`: key → the words for it, with bars between."""
    return Clause(keys=MappingProxyType({key: tuple(w.split("|")) for key, w in keys.items()}))


_BACK = "返回|上层|上一层|主菜单"
_AGENT = "人工|坐席|座席|客服"
_AGAIN = "重听|再听|再播|重播"

CONTRACT = Contract(
    MappingProxyType(
        {
            "account.closed": _said(),
            "account.empty": _said(),
            "account.help": _menu({"1": _AGAIN, "*": _BACK}),
            "account.menu": _menu({"1": "余额|账户", "2": "帮助|说明|指引", "*": _BACK}),
            "account.not_found": _said(),
            "account.readout": _readout(
                id="id",
                status="account_status",
                paid_to="year_month",
                monthly_deposit="amount",
                balance="amount",
            ),
            "account.several": _said(),
            "agent.busy": _said(),
            "agent.closed": _said(),
            "agent.cut_off": _said(),
            "agent.ended": _said(),
            "agent.leave_message_menu": _menu({"1": "留言", "*": _BACK}),
            "agent.no_answer": _said(),
            "agent.recorded": _said(),
            "agent.transferring": _said(),
            "agent.waiting_hint": _menu({"*": "放弃|取消|不等|返回"}),
            "attendance.ask_pin": _said(),
            "attendance.ask_reason": _said(),
            "attendance.away": _said(),
            "attendance.free": _said(),
            "attendance.locked": _said(),
            "attendance.menu": _menu({"1": "接听", "2": "示忙", "3": "签出", "*": f"结束|{_BACK}"}),
            "attendance.menu_without_sign_out": _menu(
                {"1": "接听", "2": "示忙", "*": f"结束|{_BACK}"}
            ),
            "attendance.no_pin": _said(),
            "attendance.no_reason": _said(),
            "attendance.not_ready": _said(),
            "attendance.signed_out": _said(),
            "attendance.talking": _said(),
            "attendance.wrap_up": _said(),
            "attendance.wrong_pin": _said(),
            "callback.ask": _said(),
            "callback.cannot_keep": _said(),
            "callback.confirm": _menu({"1": "正确|对", "2": "重新输|重输", "*": _BACK}),
            "callback.kept": _said(),
            "callback.known": _said(),
            "callback.number": _said(number="phone"),
            "callback.wrong": _said(),
            "contentment.menu": _menu(
                {
                    "1": "非常满意",
                    "2": "满意",
                    "3": "一般",
                    "4": "不满意",
                    "5": "非常不满意",
                    "*": "不评价|不表态|跳过",
                }
            ),
            "contentment.thanks": _said(),
            "feedback.cannot_record": _said(),
            "feedback.complaint_ask_id": _said(),
            "feedback.complaint_warning": _said(),
            "feedback.kept_later": _said(),
            "feedback.kind_menu": _menu({"1": "投诉", "2": "建议", "*": _BACK}),
            "feedback.menu": _menu({"1": "投诉|建议", "2": "调查|评价|满意", "*": _BACK}),
            "feedback.menu_progress": _menu(
                {"1": "投诉|建议", "2": "调查|评价|满意", "3": "进度|查询", "*": _BACK}
            ),
            "feedback.message_warning": _said(),
            "feedback.nothing_heard": _said(),
            "feedback.saved": _said(reference="digits"),
            "feedback.saved_menu": _menu(
                {"1": f"{_AGAIN}|收听", "2": "重新录|重录|再录", "*": _BACK}
            ),
            "feedback.speak": _said(),
            "feedback.suggestion_ask_id": _said(),
            "feedback.suggestion_warning": _said(),
            "follow_up.content": _said(),
            "follow_up.declined": _said(),
            "follow_up.discontent": _said(),
            "follow_up.menu": _menu(
                {
                    "1": "满意",
                    "2": "不满意",
                    "3": "不希望|谢绝|不再",
                    "*": "不评价|不表态|跳过",
                }
            ),
            "follow_up.not_kept": _said(),
            "follow_up.opening": _said(reference="digits"),
            "identity.ask": _said(),
            "identity.cannot_be_told": _said(),
            "identity.cleared": _said(),
            "identity.fifteen_pause": _said(),
            "identity.last_is_x": _said(),
            "identity.looking_up": _said(),
            "identity.missing": _said(missing="persons"),
            "identity.only18": _said(),
            "identity.wrong_length": _said(),
            "identity.wrong_number": _said(tail="id_tail"),
            "identity.wrong_number_again": _said(tail="id_tail"),
            "limits.agent_menu": _menu({"0": _AGENT, "*": _BACK}),
            "limits.caller_busy": _said(),
            "limits.cases": _said(),
            "limits.line_full": _said(),
            "limits.locked": _said(),
            "limits.lookups": _said(),
            "line.apology": _said(),
            "line.busy": _said(),
            "line.closed": _said(),
            "line.goodbye": _said(),
            "line.no_input": _said(),
            "line.no_match": _said(),
            "line.offer_agent": _menu({"0": _AGENT, "*": _BACK}),
            "line.retry_menu": _menu({"1": "重新查|再查|重试|再试", "0": _AGENT, "*": _BACK}),
            "line.sorry_wait": _said(),
            "line.system_error": _said(),
            "line.too_many": _said(),
            "loan.empty": _said(),
            "loan.help": _menu({"1": _AGAIN, "*": _BACK}),
            "loan.menu": _menu({"1": "贷款", "2": "帮助|说明|指引", "*": _BACK}),
            "loan.not_found": _said(),
            "loan.readout": _readout(
                id="id", term="term_months", periods="periods", balance="amount"
            ),
            "loan.several": _said(),
            "main.greeting": _said(),
            "main.menu": _menu(
                {
                    "1": "余额|账户",
                    "2": "贷款",
                    "3": "网点",
                    "4": "政策",
                    "5": "流程|办理|手续",
                    "6": "互动|投诉|建议",
                    "0": _AGENT,
                    "7": "退出|结束|挂断|再见",
                }
            ),
            "nav.replay_back_agent": _menu({"1": _AGAIN, "*": _BACK, "0": _AGENT}),
            "nav.replay_or_back": _menu({"1": _AGAIN, "*": _BACK}),
            "password.ask": _said(),
            "password.locked": _said(),
            "password.wrong": _said(),
            "progress.accepted": _said(filed="date", since="date", due="date"),
            "progress.answered": _said(filed="date", since="date"),
            "progress.ask_number": _said(),
            "progress.ask_tail": _said(),
            "progress.assigned": _said(filed="date", due="date"),
            "progress.closed": _said(filed="date", since="date"),
            "progress.followed_up": _said(filed="date", since="date"),
            "progress.merged": _said(),
            "progress.pending": _said(filed="date", due="date"),
            "progress.rejected": _said(filed="date", since="date"),
            "progress.reopened": _said(filed="date", due="date"),
            "progress.suspended": _said(filed="date", since="date"),
            "progress.working": _said(filed="date", due="date"),
            "progress.wrong_length": _said(),
            "progress.wrong_number": _said(),
            "progress.wrong_pair": _said(),
            "progress.wrong_tail": _said(),
            "queue.ahead": _said(ahead="persons"),
            "queue.between": _said(least="minutes", most="minutes"),
            "queue.keys": _menu({"1": "回电|回拨", "2": "留言", "*": _BACK}),
            "queue.keys_message": _menu({"2": "留言", "*": _BACK}),
            "queue.leave_menu": _menu({"1": "回电|回拨", "2": "留言", "*": _BACK}),
            "queue.next": _said(),
            "queue.still": _said(),
            "queue.too_long": _said(),
            "queue.within": _said(most="minutes"),
            "survey.abstained": _said(),
            "survey.ask_id": _said(),
            "survey.busy": _said(),
            "survey.kept_later": _said(),
            "survey.menu": _menu(
                {
                    "1": "非常满意",
                    "2": "满意",
                    "3": "一般",
                    "4": "不满意",
                    "5": "非常不满意",
                    "*": f"不表态|{_BACK}",
                }
            ),
            "survey.thanks": _said(),
        }
    ),
    branches=("3", "4", "5"),
)

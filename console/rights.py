"""Who may do what: one table of role × action, which every route of every page names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ivr.config import PhoneSettings


class Role(StrEnum):
    """What somebody works as; one person may be several."""

    LEADER = "值班长"
    AGENT = "坐席"
    HANDLER = "承办人"
    EDITOR = "话术编辑"
    ANALYST = "统计"
    ADMINISTRATOR = "管理员"
    AUDITOR = "审计员"


class Action(StrEnum):
    """What a page shows or changes."""

    SIGN_IN = "登录"
    PHONE = "拨打"
    OWN_PASSWORD = "改自己的口令"  # noqa: S105  an action's name
    EDIT_USERS = "管理用户"
    EDIT_SETTINGS = "改设置"
    SEE_LINE = "看值班"
    SWITCH_LINE = "开关热线"
    ANNOUNCE = "发紧急公告"
    ANSWER_ALARMS = "确认告警"
    ANSWER_CALLS = "接来电"
    SEE_RESULTS = "看来电人查询的结果"
    OVERHEAR = "监听坐席"
    SEE_CASES = "办工单"
    HEAR_CASES = "听工单的录音"
    HEAR_TALKS = "听通话录音"
    SEE_CALLERS = "看来电人的证件号"
    EXPORT_CASES = "导出工单"
    CALL_BACK = "回拨"
    RETURN_CALLS = "回电"
    SEE_CALLS = "看通话"
    SEE_REPORTS = "看报表"
    SEE_WORDS = "看话术"
    EDIT_WORDS = "改话术"
    APPROVE_WORDS = "批准话术"
    PUBLISH_WORDS = "发布和退回话术"
    ASK_SQL = "写查询"
    SCHEDULE = "定时报表"
    READ_TRAIL = "看审计"


EVERYBODY: Final = frozenset(Role)

RIGHTS: Final[Mapping[Action, frozenset[Role]]] = {
    Action.SIGN_IN: EVERYBODY,
    Action.PHONE: EVERYBODY,
    Action.OWN_PASSWORD: EVERYBODY,
    Action.EDIT_USERS: frozenset({Role.ADMINISTRATOR}),
    Action.EDIT_SETTINGS: frozenset({Role.ADMINISTRATOR}),
    Action.SEE_LINE: frozenset({Role.LEADER}),
    Action.SWITCH_LINE: frozenset({Role.LEADER}),
    Action.ANNOUNCE: frozenset({Role.LEADER}),
    Action.ANSWER_ALARMS: frozenset({Role.LEADER}),
    Action.ANSWER_CALLS: frozenset({Role.AGENT}),
    Action.SEE_RESULTS: frozenset({Role.LEADER, Role.AGENT}),
    Action.OVERHEAR: frozenset({Role.LEADER}),
    Action.SEE_CASES: frozenset({Role.LEADER, Role.HANDLER, Role.AGENT}),
    Action.HEAR_CASES: frozenset({Role.LEADER, Role.HANDLER}),
    Action.HEAR_TALKS: frozenset({Role.LEADER}),
    Action.SEE_CALLERS: frozenset({Role.LEADER, Role.HANDLER}),
    Action.EXPORT_CASES: frozenset({Role.LEADER}),
    Action.CALL_BACK: frozenset({Role.LEADER, Role.HANDLER, Role.AGENT}),
    Action.RETURN_CALLS: frozenset({Role.LEADER, Role.AGENT}),
    Action.SEE_CALLS: frozenset({Role.LEADER, Role.ANALYST}),
    Action.SEE_REPORTS: frozenset({Role.ANALYST}),
    Action.SEE_WORDS: frozenset({Role.LEADER, Role.EDITOR}),
    Action.EDIT_WORDS: frozenset({Role.EDITOR}),
    Action.APPROVE_WORDS: frozenset({Role.LEADER, Role.EDITOR}),
    Action.PUBLISH_WORDS: frozenset({Role.LEADER, Role.EDITOR}),
    Action.ASK_SQL: frozenset({Role.ANALYST}),
    Action.SCHEDULE: frozenset({Role.ANALYST}),
    Action.READ_TRAIL: frozenset({Role.AUDITOR}),
}


def may(roles: frozenset[Role], action: Action) -> bool:
    """Whether one of these roles has the right."""
    return not roles.isdisjoint(RIGHTS[action])


def needs_factor(roles: frozenset[Role], wanted: str) -> bool:
    """Whether one of these roles has to have an authenticator (`console.second_factor`)."""
    return wanted == "everybody" or (wanted == "administrators" and Role.ADMINISTRATOR in roles)


def is_open(action: Action, phone: PhoneSettings, *, at_home: bool) -> bool:
    """Whether it needs no sign-in; `at_home`: asked for by a browser of this very machine."""
    if action is Action.PHONE:
        return phone.open_to == "everybody" or (phone.open_to == "this_machine" and at_home)
    return action is Action.SIGN_IN

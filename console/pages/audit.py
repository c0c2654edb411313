"""审计: who saw or changed what, when and why; nobody changes it, each reading stands in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, get_args

from aiohttp import web

from analytics.answering.asking import CannotAnswer
from console.pages.calls import day_of
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.trail import note
from ivr.hours import BEIJING
from ivr.people.audit import Action as Noted
from ivr.people.audit import Entry
from ivr.state import opened

MOST_SHOWN: Final = 500
NAMES: Final[Mapping[str, str]] = {
    "who": "溯源：证件代号是谁",
    "forget": "遗忘一个人",
    "export": "导出录音",
    "voters": "看投票人",
    "rotate": "更换密钥",
    "reveal": "看账户金额",
    "sign-in": "登录",
    "sign-in refused": "登录被拒",
    "sign-out": "退出",
    "password": "改口令",
    "user added": "新建用户",
    "user locked": "锁定用户",
    "user unlocked": "解锁用户",
    "roles": "改岗位",
    "password given": "给一次性口令",
    "case heard": "听工单的录音",
    "case moved": "办理工单",
    "case opened": "开工单",
    "case printed": "打印处理单",
    "case exported": "导出工单（含录音）",
    "cases exported": "导出工单列表",
    "case file added": "加工单附件",
    "case file read": "取工单附件",
    "case file removed": "删工单附件",
    "called": "外呼",
    "overheard": "监听坐席",
    "talk heard": "听通话录音",
    "talk held": "保全通话录音",
    "talk released": "解除保全通话录音",
    "line opened": "开通热线",
    "alarm acknowledged": "确认告警",
    "alarm silenced": "静音告警",
    "line closed": "停开热线",
    "announced": "播出紧急公告",
    "announcement ended": "撤下紧急公告",
    "settings": "改设置",
    "settings rolled back": "设置退回",
    "words changed": "改话术草稿",
    "words taken over": "接手别人在改的话术",
    "words submitted": "话术送审",
    "words approved": "批准话术",
    "words sent back": "退回话术",
    "words discarded": "放弃话术草稿",
    "words published": "发布话术",
    "words rolled back": "退回到以前的话术",
    "words withdrawn": "撤下排好的话术",
    "trail": "看审计记录",
    "sql": "写查询",
    "question kept": "保存查询",
    "question dropped": "删除查询",
    "schedule kept": "设定时报表",
    "schedule dropped": "删除定时报表",
    "schedule paused": "停送定时报表",
    "schedule resumed": "再送定时报表",
    "report sent": "送出定时报表",
    "second factor": "设验证器",
    "second factor reset": "取消验证器",
}


async def _trail(request: web.Request) -> web.Response:
    query = {name: value.strip() for name, value in request.query.items()}
    await note(request, "trail", _subject(query))
    entries, of_all = await asyncio.to_thread(opened.trail, request.app[SETTINGS])
    try:
        found, fault = list(_fitting(entries, query)), ""
    except CannotAnswer as cannot:
        found, fault = [], str(cannot)
    shown = [(each, each.at.astimezone(BEIJING)) for each in reversed(found[-MOST_SHOWN:])]
    return page(
        request,
        "audit.html.j2",
        status=422 if fault else 200,
        query=query,
        shown=shown,
        count=len(found),
        whole=len(entries),
        names=NAMES,
        actions=[each for each in get_args(Noted) if each in NAMES],
        fault=fault,
        of_all=of_all,
    )


def _subject(query: Mapping[str, str]) -> str:
    """What was looked for, as the trail keeps it."""
    return " ".join(f"{name}={value}" for name, value in query.items() if value)[:200]


def _fitting(entries: Iterable[Entry], query: Mapping[str, str]) -> Iterable[Entry]:
    first = day_of(query.get("from", ""), date.min)
    last = day_of(query.get("to", ""), date.max)
    who, action, about = (query.get(name, "") for name in ("who", "action", "about"))
    for each in entries:
        fits = (
            first <= each.at.astimezone(BEIJING).date() <= last
            and who in each.operator
            and action in ("", each.action)
            and (about in each.token or about in each.reason)
        )
        if fits:
            yield each


PAGE = Page("审计", "/audit", (Route("GET", "/audit", _trail, Action.READ_TRAIL),))

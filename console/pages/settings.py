"""设置: agents, hours and holidays, limits; every version with who, when and what was before."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from aiohttp import web

from console import notice
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.trail import note
from ivr.asterisk import locate, process
from ivr.asterisk.configure import agent_password
from ivr.calls.pins import Pins
from ivr.config import (
    Agent,
    Content,
    Settings,
    SettingsError,
    Table,
    Version,
    laid,
    origins,
    standing,
)
from ivr.config.table import NOTHING, SCOPE, differences, flat, over
from ivr.hours import BEIJING, Days, Span, written
from ivr.lifecycle.setting import ChangedMeanwhile, by, rolled_back
from ivr.people.audit import Action as Noted
from ivr.people.sensitive import Sensitive
from ivr.state.setting import change

_MOST_VERSIONS: Final = 30
_BETWEEN = re.compile(r"[\s,，、;；]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of a form: its name, and what people call it."""

    name: str
    label: str
    unit: str = ""
    kind: Literal["number", "choice", "list", "lines", "texts"] = "number"
    choices: Mapping[str, str] | None = None


SKILLS: Final = {"account": "公积金", "loan": "贷款", "information": "政策", "complaint": "投诉"}
_YES_NO = {"true": "是", "false": "否"}
_STRATEGIES = {"in_order": "按次序", "longest_idle": "最久空闲的先", "all_at_once": "一起振铃"}
_WEEK = {"monday": "周一", "tuesday": "周二", "wednesday": "周三", "thursday": "周四",
         "friday": "周五", "saturday": "周六", "sunday": "周日"}  # fmt: skip
SECTIONS: Final[Mapping[str, tuple[Field, ...]]] = {
    "坐席怎样接": (
        Field("agents.strategy", "先振谁的话机", kind="choice", choices=_STRATEGIES),
        Field("agents.ring_seconds", "来电人一共等", "秒"),
        Field("agents.next_after_seconds", "一部话机振多久换下一部", "秒"),
        Field("agents.sign_in", "坐席要签入才有来电", "", "choice", _YES_NO),
        Field("agents.after_call_seconds", "通话后整理（0 不整理）", "秒"),
        Field("agents.notes_required", "小结写完，整理才结束", "", "choice", _YES_NO),
        Field("agents.notes_longest_seconds", "多久没写小结就设为示忙", "秒"),
        Field("agents.subjects", "小结的主题", "", "list"),
        Field("agents.not_ready_reasons", "示忙的原因", "", "list"),
        Field("agents.unanswered_calls", "连着几次不接就设为离开（0 从不）", "次"),
        Field("agents.passed_over_seconds", "不签入时，离开多久再振", "秒"),
        Field("agents.answer_within_seconds", "接通率的两个时限", "秒", "list"),
        Field("agents.contentment", "人工服务后请来电人评价", "", "choice", _YES_NO),
        Field("agents.queue", "坐席都忙时排队等候", "", "choice", _YES_NO),
        Field("agents.queue_most", "最多几个人排队", "人"),
        Field("agents.queue_longest_seconds", "最多等多久", "秒"),
        Field("agents.queue_announce_seconds", "隔多久说一次前面还有几位", "秒"),
        Field("agents.queue_first_age", "满多少岁的先接（0 不分先后）", "岁"),
        Field("agents.zero_from_every_menu", "处处按 0 转人工", "", "choice", _YES_NO),
    ),
    "人工时间": (
        *(Field(f"agents.hours.{day}", word, "", "list") for day, word in _WEEK.items()),
        Field("agents.hours.holidays", "节假日，一行一段", "", "lines"),
        Field("agents.hours.working_days", "调休上班的日子，一行一天", "", "lines"),
    ),
    "通话录音": (
        Field("recordings.talks", "和坐席的通话录音", "", "choice", _YES_NO),
        Field("recordings.pause_seconds", "坐席暂停录音，最多多久", "秒"),
    ),
    "限制": (
        Field("limits.calls", "同时通话，整条热线", "路"),
        Field("limits.calls_per_caller", "同时通话，一个号码", "路"),
        Field("limits.window_seconds", "数证件号的时间段", "秒"),
        Field("limits.ids_per_caller", "一个号码在这段时间里可查", "个证件号"),
        Field("limits.ids_of_unknown_callers", "没有号码的来电合起来可查", "个证件号"),
        Field("limits.lock_seconds", "超过以后要等", "秒"),
        Field("limits.lookups_per_person", "一个人的账户一天播报", "次"),
        Field("limits.lookups_per_minute", "整条热线一分钟查询", "次"),
        Field("limits.wrong_passwords", "密码连错几次当天锁定", "次"),
    ),
    "答复模板": (
        Field(
            "answers.templates", "每个模板第一行是名字，下面是文字；两个模板之间空一行", "", "texts"
        ),
    ),
}
_LABELS: Final = {each.name: each.label for fields in SECTIONS.values() for each in fields} | {
    "agents.phones": "坐席话机"
}
_KINDS: Final = {each.name: each for fields in SECTIONS.values() for each in fields}


@dataclass(frozen=True, slots=True)
class _Given:
    """A new password of a phone, or the six digits of an agent."""

    extension: str
    secret: Sensitive[str]
    of_agent: bool = False


# --- shown ------------------------------------------------------------------------------------


async def _page(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(
    request: web.Request,
    *,
    faults: str = "",
    entered: Mapping[str, str] | None = None,
    told: str = "",
    given: _Given | None = None,
) -> web.Response:
    """With what was refused, and what was written as it was; `given`: a secret, shown once."""
    seen = await asyncio.to_thread(_seen, request.app[SETTINGS])
    values = {name: _text(value) for name, value in seen.held.items()} | dict(entered or {})
    return page(
        request,
        "settings.html.j2",
        status=422 if faults else 200,
        faults=faults.splitlines(),
        told=told,
        given=given,
        skills=SKILLS,
        sections=SECTIONS,
        values=values,
        entered=entered or {},
        origins=seen.origins,
        phones=seen.settings.agents.phones,
        trunks=seen.settings.trunks,
        sip_port=seen.settings.sip_port,
        base=seen.number,
        years=_years(seen.settings),
        versions=seen.versions,
        beijing=BEIJING,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that the page is made of."""

    settings: Settings
    held: Mapping[str, Any]
    origins: Mapping[str, str]
    number: int
    versions: list[tuple[Version, list[tuple[str, str, str]]]]


def _seen(settings: Settings) -> _Seen:
    table = Table(settings.home)
    now = standing(settings)
    versions = [*table.versions()[: _MOST_VERSIONS + 1], NOTHING]
    told = [(new, _changes(old, new)) for new, old in itertools.pairwise(versions)]
    return _Seen(now, flat(as_written(now)), dict(origins()), table.latest(), told)


def _changes(old: Version, new: Version) -> list[tuple[str, str, str]]:
    """What one version changed: label, before, after."""
    changed = differences(old.content, new.content)
    return [
        (_LABELS.get(name, name), _brief(was), _brief(now)) for name, (was, now) in changed.items()
    ]


def _brief(value: Any) -> str:
    if value is None:
        return "（settings.toml 的值）"
    if isinstance(value, list) and value and isinstance(value[0], dict) and "text" in value[0]:
        return "、".join(each["name"] for each in value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "、".join(f"{each.get('name')} {each.get('extension')}" for each in value)
    return _text(value).replace("\n", "、") or "没有"


def as_written(settings: Settings) -> Content:
    """Those that can be set here, as the table has them."""
    held = {name: _plain(getattr(settings, name).model_dump()) for name in SCOPE}
    phones, hours = settings.agents.phones, settings.agents.hours
    held["agents"]["hours"] = {
        name: [_plain(each) for each in getattr(hours, name)] for name in type(hours).model_fields
    }
    held["agents"]["phones"] = [_phone(each) for each in phones]
    return held


def _phone(agent: Agent) -> dict[str, Any]:
    """What can be set here of an agent; the password of the phone belongs to the machine."""
    written_too = {"skills": list(agent.skills), "user": agent.user}
    named = {"name": agent.name, "extension": agent.extension}
    return named | {name: value for name, value in written_too.items() if value}


def _plain(value: Any) -> Any:
    match value:
        case Span() | Days():
            return written(value)
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case tuple():
            return [_plain(each) for each in value]
        case float():
            return int(value) if value.is_integer() else value
        case bool() | int() | str() | None:
            return value
        case _:
            return str(value)


def _text(value: Any) -> str:
    """As a field of a form shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "\n\n".join(f"{each.get('name')}\n{each.get('text')}" for each in value)
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return str(value)


def _years(settings: Settings) -> list[tuple[int, bool]]:
    """This year and the next, and whether somebody has written their holidays."""
    year = datetime.now(BEIJING).year
    hours = settings.agents.hours
    return [(each, hours.knows_holidays_of(each)) for each in (year, year + 1)]


# --- changed ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody wants the table to become, and how the trail calls it."""

    to: Callable[[Content], Content]
    entered: Mapping[str, str] | None = None
    """What stood in the form, to be shown again when it is refused."""
    new: str = ""
    """The extension of an agent who is added."""
    action: Noted = "settings"
    about: str = ""


async def _save(request: web.Request) -> web.Response:
    """One section of the page; what is as it was is not set."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    entered = {name: text for name, text in form.items() if name in _KINDS}
    held = flat(as_written(await asyncio.to_thread(standing, request.app[SETTINGS])))
    values = {name: _value(_KINDS[name], text) for name, text in entered.items()}
    changed = {name: value for name, value in values.items() if value != held.get(name)}
    return await _done(request, form, _Wish(lambda before: _with(before, changed), entered))


def _with(before: Content, changed: Mapping[str, Any]) -> Content:
    for name, value in changed.items():
        nested: Any = value
        for step in reversed(name.split(".")):
            nested = {step: nested}
        before = over(before, nested)
    return before


def _value(field: Field, text: str) -> Any:
    """As the table has it; what is no number stays as it is written, and is refused as such."""
    if field.kind == "texts":
        return [_template(part) for part in re.split(r"\n\s*\n", _lines(text)) if part.strip()]
    if field.kind in {"list", "lines"}:
        parts = [part for part in _BETWEEN.split(text.strip()) if part]
        return [_number(part) for part in parts] if field.unit else parts
    return {"true": True, "false": False}.get(text, _number(text.strip()))


def _lines(text: str) -> str:
    """As browsers send them, with the line ends of ours."""
    return text.replace("\r\n", "\n")


def _template(part: str) -> dict[str, str]:
    """Its name in the first line, and what is answered below."""
    name, _, text = part.strip().partition("\n")
    return {"name": name.strip(), "text": text.strip()}


def _number(text: str) -> Any:
    try:
        return int(text) if text.isascii() and text.isdecimal() else float(text)
    except ValueError:
        return text


async def _holidays(request: web.Request) -> web.Response:
    """A year's notice as the form would have it; whoever looks at it saves it."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    hours = (await asyncio.to_thread(standing, request.app[SETTINGS])).agents.hours
    told = form.get("year", "")
    year = int(told) if re.fullmatch(r"20\d\d", told) else datetime.now(BEIJING).year
    try:
        new = notice.read(form.get("notice", ""), year)
    except notice.Unreadable as unreadable:
        return await _shown(request, faults=str(unreadable))
    free, worked = notice.replaced(hours.holidays, hours.working_days, new, year)
    entered = {
        "agents.hours.holidays": "\n".join(free),
        "agents.hours.working_days": "\n".join(worked),
    }
    told = (
        f"{year} 年：{len(new.free)} 个假期，{len(new.worked)} 天调休上班，已填进“人工时间”，"
        "还没有存：核对以后再存。"
    )
    return await _shown(request, entered=entered, told=told)


async def _add_agent(request: web.Request) -> web.Response:
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    phone = {"name": form.get("name", ""), "extension": form.get("extension", "")}
    if not phone["name"]:
        return await _shown(request, faults="坐席要有名字 · an agent has a name")
    settings = request.app[SETTINGS]
    phones = await asyncio.to_thread(_phones, settings)
    more = {"agents": {"phones": [*phones, phone]}}
    wish = _Wish(lambda before: over(before, more), new=phone["extension"])
    return await _done(request, form, wish)


async def _remove_agent(request: web.Request) -> web.Response:
    form = {name: str(value) for name, value in (await request.post()).items()}
    phones = await asyncio.to_thread(_phones, request.app[SETTINGS])
    left = [phone for phone in phones if phone["extension"] != form.get("extension")]
    wish = _Wish(lambda before: over(before, {"agents": {"phones": left}}))
    return await _done(request, form, wish)


def _phones(settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = as_written(standing(settings))["agents"]["phones"]
    return found


async def _change_agent(request: web.Request) -> web.Response:
    """What callers an agent is for, and under which name the agent works here."""
    entered = await request.post()
    form = {name: str(value).strip() for name, value in entered.items()}
    skills = [str(each) for each in entered.getall("skills", [])]
    phones = await asyncio.to_thread(_phones, request.app[SETTINGS])
    for phone in phones:
        if phone["extension"] == form.get("extension"):
            phone.pop("skills", None)
            phone.pop("user", None)
            named = {"skills": skills, "user": form.get("user")}
            phone |= {name: value for name, value in named.items() if value}
    wish = _Wish(lambda before: over(before, {"agents": {"phones": phones}}))
    return await _done(request, form, wish)


async def _give_pin(request: web.Request) -> web.Response:
    """Six digits for an agent who signs in by phone; shown once."""
    extension = str((await request.post()).get("extension", ""))
    settings = request.app[SETTINGS]
    phones = await asyncio.to_thread(_phones, settings)
    if extension not in {phone["extension"] for phone in phones}:
        return await _shown(request, faults="没有这个坐席 · no such agent")
    await note(request, "password given", f"坐席 {extension}")
    pin = await asyncio.to_thread(Pins(settings.home).give, extension)
    return await _shown(request, given=_Given(extension, pin, of_agent=True))


async def _roll_back(request: web.Request) -> web.Response:
    form = {name: str(value) for name, value in (await request.post()).items()}
    number = form.get("number", "")
    try:
        wanted = int(number) if number.isascii() and number.isdecimal() else -1
        to = await asyncio.to_thread(rolled_back, request.app[SETTINGS], wanted)
    except SettingsError as none:
        return await _shown(request, faults=str(none))
    return await _done(request, form, _Wish(to, action="settings rolled back", about=number))


async def _done(request: web.Request, form: Mapping[str, str], wish: _Wish) -> web.Response:
    """Checked, noted, changed, and read by Asterisk where agents have changed."""
    settings, why = request.app[SETTINGS], form.get("why", "").strip()[:200]
    made = by(user_name(request), why, datetime.now(UTC))
    base = form.get("base", "")
    try:
        before = await asyncio.to_thread(Table(settings.home).newest)
        content = wish.to(before.content)
        names = differences(before.content, content)
        await asyncio.to_thread(_check, settings, content)
        if names:
            await note(request, wish.action, wish.about or " ".join(names)[:200], why)
        number = int(base) if base.isdecimal() else None
        done = await asyncio.to_thread(change, settings, wish.to, made=made, base=number)
        told = await asyncio.to_thread(_renewed, settings) if names else "没有改动"
        password = await asyncio.to_thread(_password, settings, wish.new)
    except (SettingsError, ChangedMeanwhile) as refused:
        return await _shown(request, faults=str(refused), entered=wish.entered)
    saved = f"已存为第 {done.number} 版，下一个来电起有效。" if names else ""
    given = None if password is None else _Given(wish.new, password)
    return await _shown(request, told=saved + told, given=given)


def _check(settings: Settings, content: Content) -> None:
    laid(settings, replace(NOTHING, content=content))


def _renewed(settings: Settings) -> str:
    """Asterisk's part; what it does not take now it takes at its next start."""
    found = locate.find()
    if settings.ari_url is not None or found is None:
        return "Asterisk 不在这台机器上：坐席的话机要在那里设。"
    try:
        return "" if process.renew(settings, found) else "Asterisk 没有运行，启动时会读。"
    except (SettingsError, OSError, TimeoutError) as refused:
        return f"Asterisk 没有重读，请运行 ivr settings apply（{refused}）。"


def _password(settings: Settings, extension: str) -> Sensitive[str] | None:
    phones = standing(settings).agents.phones
    found = next((phone for phone in phones if phone.extension == extension), None)
    return None if found is None else Sensitive(agent_password(found, settings))


PAGE = Page(
    "设置",
    "/settings",
    (
        Route("GET", "/settings", _page, Action.EDIT_SETTINGS),
        Route("POST", "/settings", _save, Action.EDIT_SETTINGS),
        Route("POST", "/settings/holidays", _holidays, Action.EDIT_SETTINGS),
        Route("POST", "/settings/agents/add", _add_agent, Action.EDIT_SETTINGS),
        Route("POST", "/settings/agents/remove", _remove_agent, Action.EDIT_SETTINGS),
        Route("POST", "/settings/agents/change", _change_agent, Action.EDIT_SETTINGS),
        Route("POST", "/settings/agents/pin", _give_pin, Action.EDIT_SETTINGS),
        Route("POST", "/settings/rollback", _roll_back, Action.EDIT_SETTINGS),
    ),
)

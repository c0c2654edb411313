"""`ivr doctor`: is everything there that a call needs, and what is to be done if not."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import shutil
import socket
import ssl
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cryptography import x509

from ivr.accounts.database import Sampled, open_accounts
from ivr.asterisk import locate, process
from ivr.config import Settings, SettingsError, Table, TableDamaged, laid, settings_file
from ivr.dialogues.account import FUND
from ivr.dialogues.inquiry import Inquiry, told
from ivr.dialogues.loan import LOAN
from ivr.hours import BEIJING, AgentHours
from ivr.lifecycle import asking
from ivr.lifecycle.owner import is_strangers, name_of_owner
from ivr.lifecycle.switch import closed
from ivr.people.keys import KEYS, Keys
from ivr.probe.outcomes import last as outcomes_of
from ivr.speech import publications
from ivr.speech.announcements import Announcements, CannotAnnounce, lacks
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import PromptSetError, Unsaid, load
from ivr.upkeep.clips import damaged
from ivr.upkeep.courier import STALE, Report

LEAST_FREE_BYTES = 1_000_000_000
STALE_SECONDS = 60.0
PROBES_SHOWN = 10
_FEW = 20
"""So many recordings may be on their way."""
RENEW_BEFORE = timedelta(days=30)
"""So long before it ends a certificate is to be renewed."""
PROBE_STALE_SECONDS = 600.0
"""So old a trial call says nothing of now; who calls by hand now and then is no fault."""
_TIME_ERROR = 5
_SIOCGIFADDR = 0x8915
_PRIVATE = ("*.sqlite", "audit.jsonl", "settings", "keys", "keys/*",
            "asterisk/*.secret", "asterisk/agents/*.secret", "asterisk/etc/*.conf",
            "spool", "recordings")  # fmt: skip
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is or, when it is not well, what to do."""

    name: str
    ok: bool
    detail: str
    warns: bool = False
    """Calls are taken, yet somebody should look soon."""


Check = Callable[[Settings], Finding]


def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which a line is put up; none of them changes anything."""
    return [_found(check, settings) for check in CHECKS]


def _found(check: Check, settings: Settings) -> Finding:
    """What a check finds; what it may not look at is a finding too."""
    try:
        return check(settings)
    except OSError as refused:
        name = check.__name__.replace("_", " ")
        place = refused.filename or settings.home
        return Finding(name, False, f"{place}: {refused.strerror}{_advice(settings.home)}")


def _advice(home: Path) -> str:
    if not is_strangers(home):
        return ""
    owner = name_of_owner(home)
    return f"：请用 `sudo -u {owner} ivr doctor` · run it as {owner}, whose line it is"


def asterisk(_: Settings) -> Finding:
    """Is there an Asterisk that we can run?"""
    found = locate.find()
    if found is None:
        return Finding(
            "Asterisk",
            False,
            "没有安装：运行 make asterisk · not installed: `make asterisk` installs it",
        )
    version = locate.version(found)
    where = found.root or "of this machine"
    return Finding("Asterisk", bool(version), f"{version or '启动不了 · does not start'} ({where})")


def ari(settings: Settings) -> Finding:
    """Does it run, and does it know us?"""
    try:
        info = process.info(settings)
    except SettingsError as no_password:
        return Finding("ARI", False, str(no_password))
    except urllib.error.HTTPError as refused:
        advice = (
            "口令不对：重新启动 ivr run · the password is not its own: restart `ivr run`"
            if refused.code == 401
            else ""
        )
        return Finding("ARI", False, f"{settings.ari_base} 答 · answers {refused.code}; {advice}")
    except OSError:
        return Finding(
            "ARI",
            False,
            f"{settings.ari_base} 没有回答：启动 ivr run · does not answer: start `ivr run`",
        )
    version = info.get("system", {}).get("version", "?")
    return Finding("ARI", True, f"Asterisk {version} at {settings.ari_base}")


def service(settings: Settings) -> Finding:
    """Does the service take calls?"""
    try:
        told = asking.health(settings)
        parts = {name: part for name, part in told.items() if isinstance(part, dict)}
        faults = [f"{name}: {part['detail']}" for name, part in parts.items() if not part["ok"]]
        warnings = [
            f"{name}: {part['detail']}" for name, part in parts.items() if part.get("warns")
        ]
        shut = told["status"] == "closed"
        does = "停开了 · is closed to new ones" if shut else "在接电话 · takes calls"
        state = f"{does}, {told['calls']} now"
    except (OSError, KeyError):
        url = asking.page(settings, "healthz")
        return Finding(
            "service",
            False,
            f"{url} 没有回答：启动 ivr run · does not answer: start `ivr run` or `ivr serve`",
        )
    if faults:
        return Finding("service", False, "接不了电话 · cannot take calls: " + "; ".join(faults))
    return Finding("service", True, "; ".join([state, *warnings]), warns=bool(warnings))


def trunks(settings: Settings) -> Finding:
    """Do the carriers have us, and do their calls and keys arrive?"""
    if not settings.trunks:
        told = "没有中继，只有网络上的来电 · no trunk in the settings: guests only"
        return Finding("trunks", True, told, warns=not settings.guests)
    unregistered = list(_unregistered(settings))
    traffic = _traffic(settings) or f"设了 {len(settings.trunks)} 条 · in the settings"
    return Finding("trunks", not unregistered, "; ".join((*unregistered, traffic)))


def _unregistered(settings: Settings) -> Iterator[str]:
    """The carriers that we are to register with, and that do not have us."""
    accounts = {
        trunk: trunk.registration for trunk in settings.trunks if trunk.registration is not None
    }
    found = locate.find() if accounts and process.answers(settings) else None
    if found is None:
        return
    states = process.registrations(settings, found)
    for trunk, account in accounts.items():
        if (state := states.get(trunk.endpoint, "unknown")) != "Registered":
            yield (
                f"中继 {trunk.name} 没有注册上（{state}），请核对 server、user、password · not"
                f" registered with {account.server}: check the account"
            )


def _traffic(settings: Settings) -> str:
    """What trunks have brought since the service started; empty while it does not run."""
    try:
        return str(asking.health(settings)["traffic"]["detail"])
    except (OSError, KeyError, TypeError):
        return ""


def prompts(settings: Settings) -> Finding:
    """What callers hear, and what they will hear: told before its moment."""
    audio, now = settings.audio, datetime.now(UTC)
    publication = publications.last(audio)
    turns = list(publication.turns(now)) if publication else []
    try:
        found = load(audio, CONTRACT, publications.file_of(audio, publication, now))
    except PromptSetError as unusable:
        return Finding("prompts", False, str(unusable))
    for turn in turns:
        try:
            load(audio, CONTRACT, publications.file_of(audio, publication, turn.at))
        except PromptSetError as unusable:
            told = f"排好的说不了（{publications.in_words(turn)}）：撤下，重新生成，再排一次"
            return Finding("prompts", False, f"{told} · {unusable}")
    if broken := damaged(found):
        told = f"{broken[0]} 等 {len(broken)} 个语音文件损坏或是空的：删掉，再 `ivr build-prompts`"
        return Finding("prompts", False, f"{told} · damaged: remove them and build again")
    later = "".join(f"；{publications.in_words(turn)}" for turn in turns)
    return Finding("prompts", True, f"set {found.version}, {len(found.clips)} clips{later}")


def accounts(settings: Settings) -> Finding:
    """Do the two queries run, and can a real row be told?"""
    try:
        faults, warnings = asyncio.run(_accounts_seen(settings))
    except SettingsError as wrong:
        faults, warnings = [str(wrong)], []
    lacks = settings.accounts.url is None and not (settings.home / "accounts.sqlite").exists()
    advice = "；导入账户 ivr accounts import · import your accounts, or `ivr accounts demo`"
    if faults:
        return Finding("accounts", False, "; ".join(faults) + advice * lacks)
    return Finding(
        "accounts", True, "; ".join(["两句查询都行 · both queries run", *warnings]), bool(warnings)
    )


async def _accounts_seen(settings: Settings) -> tuple[list[str], list[str]]:
    """What is wrong with the queries or the rows that they find, and what should be looked at."""
    async with open_accounts(settings) as database:
        if fault := await database.fault():
            return [fault], []
        sampled = await database.sample()
    warnings = [
        f"{name}_query 只核对了列，没有核对真实的一行：请设 accounts.test_id · only the columns"
        " were looked at, no real row: set accounts.test_id"
        for name in sampled.unseen
    ]
    faults, left_out = _readouts(settings, sampled)
    return sampled.faults + faults, warnings + left_out


def _readouts(settings: Settings, sampled: Sampled) -> tuple[list[str], list[str]]:
    """Columns of real rows that the published readout cannot say, or says without their words."""
    try:
        spoken = load(settings.audio, CONTRACT)
    except PromptSetError:
        return [], []  # another check tells it
    faults, left_out = dict[str, None](), dict[str, None]()
    for name, number, account in sampled.told:
        inquiry: Inquiry[Any] = FUND if name == "fund" else LOAN
        readout = told(inquiry, number, account)
        try:
            spoken.utterance(readout)
        except Unsaid as unsaid:
            faults[
                f"{name}_query: 播报句要的列 {unsaid.slot} 没有，或内容播报不了"
                f" · {inquiry.readout} cannot say column {unsaid.slot} of a real row"
            ] = None
        for column in spoken.unknown_codes(readout):
            left_out[
                f"{name}_query: 列 {column} 的编码不在 [codes] 的表里，那一段不播报"
                f" · a code of column {column} is in no table: its part is left out"
            ] = None
    return list(faults), list(left_out)


def ports(settings: Settings) -> Finding:
    """Can the ports be had? While our Asterisk answers they are taken by ourselves."""
    if process.answers(settings):
        return Finding("ports", True, "本热线的 Asterisk 在用 · in use by an Asterisk that answers")
    try:
        process.check_ports(settings)
    except SettingsError as taken:
        return Finding("ports", False, str(taken))
    return Finding("ports", True, "都空着 · free")


def permissions(settings: Settings) -> Finding:
    """Can we write, and can other users of this machine read what is nobody's business?"""
    if settings.home.exists() and not os.access(settings.home, os.R_OK | os.W_OK | os.X_OK):
        told = f"{settings.home} 写不了 · is not ours to write{_advice(settings.home)}"
        return Finding("permissions", False, told)
    if unreadable := _unreadable(settings):
        owner = name_of_owner(settings.home)
        told = f"热线的用户读不了 {unreadable}：chown {owner} {unreadable} · {owner} cannot read it"
        return Finding("permissions", False, told)
    open_ones = [path for path in _private(settings.home) if path.stat().st_mode & _OTHERS]
    if open_ones:
        names = " ".join(str(path) for path in open_ones)
        return Finding(
            "permissions", False, f"别的用户读得到：chmod go= {names} · others can read them"
        )
    return Finding("permissions", True, "口令、密钥、记录只有热线的用户能读 · the owner's alone")


def _unreadable(settings: Settings) -> str:
    """What somebody else left in the line's home, and the line's own user cannot open."""
    home = settings.home
    if not home.exists():
        return ""
    owner = home.stat().st_uid
    return " ".join(
        str(path)
        for path in (settings_file(), *_private(home))
        if path.exists() and path.stat().st_uid != owner and not path.stat().st_mode & stat.S_IROTH
    )


def _private(home: Path) -> Iterable[Path]:
    return (path for pattern in _PRIVATE for path in home.glob(pattern))


def keys(settings: Settings) -> Finding:
    """Are the keys there, by which the records of one person belong together?"""
    folder = settings.home / "keys"
    lacking = [name for name in KEYS if not (folder / name).exists()]
    if len(lacking) == len(KEYS) and not any(_spools(settings)):
        return Finding("keys", True, "第一次启动时生成 · made at the first start")
    if lacking:
        names = ", ".join(lacking)
        told = f"{folder} 缺少 {names}：先从备份恢复 · lacking: restore from the backup first"
        return Finding("keys", False, told)
    try:
        Keys.load(folder)
    except SettingsError as unusable:
        return Finding("keys", False, str(unusable))
    return Finding(
        "keys",
        True,
        f"完好；{folder} 另存一份，和数据分开 · whole; keep a copy apart from the data",
    )


def clock(settings: Settings) -> Finding:
    """Can the times in the records be trusted, and the agents' hours?"""
    newest = max((path.stat().st_mtime for path in _spools(settings)), default=0.0)
    if newest > time.time() + STALE_SECONDS:
        return Finding(
            "clock",
            False,
            "比最新的记录还早：校准时钟 · earlier than the newest record: set it right",
        )
    now = datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M")
    if not _synchronised():
        told = f"北京时间 {now}，没有自动校时：装 chrony · nobody keeps it right: install chrony"
        return Finding("clock", True, told, warns=True)
    return Finding("clock", True, f"北京时间 {now}，自动校时 · kept right")


def _synchronised() -> bool:
    """What the kernel thinks of its clock (adjtimex(2), asked and not changed)."""
    room_for_timex = ctypes.create_string_buffer(256)
    state: int = ctypes.CDLL(None).adjtimex(room_for_timex)
    return 0 <= state < _TIME_ERROR


def disk(settings: Settings) -> Finding:
    """Is there room for recordings and records?"""
    place = next(
        path for path in (settings.home, *settings.home.absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(place).free
    told = f"{settings.home} 还有 {free / 1e9:.1f} GB · free"
    return Finding("disk", free >= LEAST_FREE_BYTES, told + _unless(free >= LEAST_FREE_BYTES))


def _unless(well: bool) -> str:
    return "" if well else "：腾出空间，否则不能录音 · make room, or recordings will be refused"


def recordings(settings: Settings) -> Finding:
    """Can complaints be kept, and are all of them where they belong?"""
    folder = settings.recordings_folder.absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        settings.series()
    except SettingsError as unnumbered:
        return Finding("recordings", False, str(unnumbered))
    if not os.access(place, os.W_OK):
        return Finding("recordings", False, f"{place} 写不了 · cannot be written by this user")
    free, least = shutil.disk_usage(place).free / 1e6, settings.recordings.keep_free_mb
    if free < least:
        told = f"只剩 {free:.0f} MB，少于 keep_free_mb {least}，不录音：腾出空间 · make room"
        return Finding("recordings", False, told)
    waiting = len(list((settings.home / "slips").rglob("*.slip")))
    return Finding(
        "recordings", True, f"存到 {folder}；{waiting} 条还在录或没归档 · begun or not filed yet"
    )


def carried(settings: Settings) -> Finding:
    """Does the line's depot have our recordings, and we the line's prompts?"""
    name = "depot"
    if not settings.depot.is_named:
        told = "没有设置 depot：话术、录音只在本机 · no [depot]"
        return Finding(name, True, told, warns=settings.shares)
    report, now = Report.read(settings.home), datetime.now(UTC)
    if report is None:
        told = "送件程序还没有跑过：先启动控制台，或 `ivr courier` · the courier never ran"
        return Finding(name, True, told, warns=True)
    told = "；".join(_waits(report, now)) or "录音都送到了，话术是在用的那一版 · all is there"
    return Finding(name, True, told + _own_accounts(settings), warns=any(_waits(report, now)))


def _waits(report: Report, now: datetime) -> Iterator[str]:
    if now - datetime.fromisoformat(report.at) > STALE:
        yield (
            "送件程序停了，或卡在没有回答的存放处：看控制台、挂载点（NFS 用 soft,timeo=100）"
            " · the courier has stopped, or hangs"
        )
    if report.recordings.fault or report.recordings.waiting > _FEW:
        yield f"{report.recordings.waiting} 段录音还没有送到：{report.recordings.fault}"
    if report.prompts.fault:
        yield f"话术没有和全线对上：{report.prompts.fault}"


def _own_accounts(settings: Settings) -> str:
    """What does not come by the depot, and is said to be each node's own."""
    if settings.shares and settings.accounts.url is None:
        return "；账户是本机的文件，不随 depot：每个节点导入同一份，或用 accounts.url"
    return ""


def loader(settings: Settings) -> Finding:
    """Do analysts see what happened a moment ago?"""
    published = settings.home / "facts" / "pub" / "ivr.duckdb"
    newest = max((path.stat().st_mtime for path in _spools(settings)), default=None)
    if newest is None:
        return Finding("records", True, "还没有通话 · no call was recorded yet")
    if published.exists() and published.stat().st_mtime >= newest - STALE_SECONDS:
        return Finding("records", True, f"已发布 · published in {published}")
    waiting = time.time() - newest
    if waiting < STALE_SECONDS:
        return Finding("records", True, "正在装入 · the newest are being loaded")
    return Finding(
        "records",
        False,
        "没有发布：ivr loader 在运行吗？ · not published for analysts: is `ivr loader` running?",
    )


def _spools(settings: Settings) -> Iterable[Path]:
    return (path for path in (settings.home / "spool").glob("*.jsonl") if path.stat().st_size)


def opened(settings: Settings) -> Finding:
    """Do callers get in at all?"""
    found = closed(settings.home)
    if found is None:
        return Finding("line", True, "开通 · open")
    return Finding(
        "line",
        True,
        f"停开：ivr line open 重新开通 · {found}: `ivr line open` opens it",
        warns=True,
    )


def announced(settings: Settings) -> Finding:
    """What do all callers hear before the greeting, and can it be played?"""
    kept = Announcements(settings.home)
    try:
        on_air = kept.on_air(datetime.now(BEIJING))
    except CannotAnnounce as damaged:
        return Finding("announcement", True, str(damaged), warns=True)
    if not on_air:
        return Finding("announcement", True, "没有公告在播 · none is on the air")
    lost = [each for each in on_air if lacks(kept.folder, each)]
    if lost:
        told = f"“{lost[0].text}”的声音不在了，来电人听不到：撤下，重做 · its sound is lost"
        return Finding("announcement", True, told, warns=True)
    told = "；".join(
        f"“{each.text}”播到 {each.until.astimezone(BEIJING):%m-%d %H:%M}（{each.aired_by}）"
        for each in on_air
    )
    return Finding("announcement", True, f"{told} · on the air", warns=True)


def table(settings: Settings) -> Finding:
    """What have administrators set over settings.toml, and can all of its history be read?"""
    name, kept = "settings", Table(settings.home)
    try:
        newest = kept.newest()
        laid(settings, newest)
    except (TableDamaged, SettingsError) as refused:
        return Finding(name, False, f"{refused}；服务照前一版工作 · the service goes on as it was")
    lacking = sorted({*range(1, newest.number + 1)} - {each.number for each in kept.versions()})
    if not newest.number:
        return Finding(name, True, "都照 settings.toml · nothing was set over settings.toml")
    at = newest.at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    told = f"第 {newest.number} 版，{newest.who} {at} · version {newest.number} holds"
    if lacking:
        numbers = "、".join(map(str, lacking))
        told += f"；第 {numbers} 版损坏或丢了，退不回去：从备份放回 · lacking: restore them"
    return Finding(name, True, told, warns=bool(lacking))


def agents(settings: Settings) -> Finding:
    """Does the calendar of agents and of cases know this year's holidays, and soon the next's?"""
    return calendar(settings.agents.hours, datetime.now(BEIJING).date())


def calendar(hours: AgentHours, today: date) -> Finding:
    """What of the holidays is not written yet, and what holds until then."""
    wanted = (today.year, today.year + 1) if today >= _announced(today.year) else (today.year,)
    lacking = [year for year in wanted if not hours.knows_holidays_of(year)]
    if not lacking:
        years = "、".join(map(str, wanted))
        return Finding("agents' hours", True, f"有 {years} 年的节假日 · with the holidays")
    years = "、".join(map(str, lacking))
    return Finding(
        "agents' hours",
        True,
        f"没有 {years} 年的节假日：国务院办公厅公布后，在控制台“设置”里写节假日和调休；在这以前，"
        "坐席时间按平常的一周，工单的时限只扣法定节日，期限是暂定的 · no holiday of"
        f" {years} is in the settings: write `holidays` and `working_days` as the State Council"
        " announces them; until then cases count the days of the law only",
        warns=True,
    )


def _announced(year: int) -> date:
    """By then the State Council has announced the next year's holidays, or soon will have."""
    return date(year, 12, 1)


def console(settings: Settings) -> Finding:
    """Are the pages of the centre's people there? No caller notices if they are not."""
    url = settings.console.url
    unchecked = ssl._create_unverified_context()  # noqa: S323  its name is the centre's
    try:
        with urllib.request.urlopen(f"{url}livez", timeout=5, context=unchecked) as answer:  # noqa: S310
            lacks = answer.read().decode() != "ok"
    except (OSError, HTTPException):
        told = (
            f"{url} 打不开，电话照常：`ivr run` 或 `systemctl start ivr-console` · does not answer"
        )
        return Finding("console", True, told, warns=True)
    advice = "；图表和网页电话缺少程序：`make pages`，再重新启动 · its libraries are missing"
    ending = _ending(settings.console.certificate, datetime.now(UTC))
    return Finding("console", True, url + advice * lacks + ending, warns=lacks or bool(ending))


def _ending(certificate: Path | None, now: datetime) -> str:
    """A warning while there is time to renew it; empty where there is much, or none is needed."""
    if certificate is None:
        return ""
    ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    if ends - now > RENEW_BEFORE:
        return ""
    return (
        f"；证书 {ends.astimezone(BEIJING):%Y-%m-%d} 到期：换新的（自己做的运行 `ivr certificate`）"
        "，再重新启动控制台 · its certificate ends then: renew it"
    )


def trial_calls(settings: Settings) -> Finding:
    """What did the last trial calls (拨测) come to?"""
    name, outcomes = "probe", outcomes_of(settings.home / "spool", PROBES_SHOWN)
    if not outcomes:
        told = "还没有拨测过：`ivr probe` · no trial call was made yet"
        return Finding(name, True, told)
    newest = outcomes[-1]
    age = (datetime.now(UTC) - newest.at).total_seconds()
    failed = sum(not each.well for each in outcomes)
    at = newest.at.astimezone(BEIJING).strftime("%m-%d %H:%M:%S")
    told = f"{at} {newest}；最近 {len(outcomes)} 次有 {failed} 次不正常 · {newest.probed.verdict}"
    if age > PROBE_STALE_SECONDS:
        return Finding(name, True, f"{told}；{age / 60:.0f} 分钟没有拨测了", warns=True)
    return Finding(name, newest.well, told, warns=bool(failed))


def browser_phone(settings: Settings) -> Finding:
    """Can a browser and Asterisk speak to each other? They do not by the loopback interface."""
    name = "browser phone"
    if not settings.console.phone.calls:
        return Finding(name, True, "console.phone.calls = 0：没有网页电话 · none")
    addresses = network_addresses()
    if not addresses:
        told = (
            "本机只有回环地址，网页电话接不通，软电话照常：接上任何一个网络"
            " · only lo: browsers reach Asterisk by no loopback address; connect any network"
        )
        return Finding(name, True, told, warns=True)
    told = f"{settings.console.url}phone，同时最多 {settings.console.phone.calls} 路"
    return Finding(name, True, f"{told} · by {', '.join(addresses)}")


def network_addresses() -> list[str]:
    """The IPv4 addresses of this machine's interfaces, without those of loopback."""
    return [
        address
        for _, interface in socket.if_nameindex()
        if (address := _address_of(interface)) and not address.startswith("127.")
    ]


def _address_of(interface: str) -> str:
    """As the kernel tells (SIOCGIFADDR of netdevice(7)); empty where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            told = fcntl.ioctl(asking, _SIOCGIFADDR, interface.encode()[:15].ljust(40, b"\0"))
        except OSError:
            return ""
    return socket.inet_ntoa(told[20:24])


CHECKS: tuple[Check, ...] = (
    asterisk,
    prompts,
    accounts,
    ports,
    ari,
    service,
    trunks,
    permissions,
    keys,
    disk,
    recordings,
    carried,
    clock,
    loader,
    opened,
    announced,
    table,
    agents,
    console,
    browser_phone,
    trial_calls,
)

"""What is told of alarms, in words, and by which ways it goes out: mail and chat robots."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from http.client import HTTPException
from urllib.parse import quote_plus

from ivr.alarms.ringing import News
from ivr.alarms.table import BY_NAME, SEVERITIES
from ivr.config import Settings, Webhook
from ivr.hours import BEIJING
from ivr.mail import NotSent, send

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
BEGINNING = "开始"
END = "恢复"
_KINDS = {"begins": BEGINNING, "goes_on": "仍在", "ends": END}


def title(settings: Settings, told: Sequence[News]) -> str:
    """One line for all of it."""
    names = "、".join(dict.fromkeys(BY_NAME[each.ringing.alarm].title for each in told[:3]))
    more = f" 等 {len(told)} 条" if len(told) > 3 else ""
    over = all(each.kind == "ends" for each in told)
    return f"[12329 {settings.node}] {'已恢复' if over else '告警'}：{names}{more}"


def text(told: Sequence[News]) -> str:
    """Every alarm: since when, what it means, what to do."""
    return "\n\n".join(_one(each) for each in told)


def _one(each: News) -> str:
    alarm, ringing = BY_NAME[each.ringing.alarm], each.ringing
    since = datetime.fromtimestamp(ringing.since, BEIJING).strftime("%m-%d %H:%M:%S")
    about = f"（{ringing.about}）" if ringing.about else ""
    head = f"{_KINDS[each.kind]} · {SEVERITIES[alarm.severity]} · {alarm.title}{about}"
    if each.kind == "ends":
        return f"{head}，从 {since} 开始"
    return (
        f"{head}\n从 {since} 开始，现在 {ringing.value:g}\n{alarm.means}\n怎么办：{alarm.remedy}\n"
        f"手册：docs/runbooks.md#{alarm.name}"
    )


def tell(settings: Settings, told: Sequence[News]) -> bool:
    """By every way that the settings name; whether one of them took it, or there is none."""
    ways = [partial(_mail, settings, told)] if settings.alarms.mail_to else []
    heading, words = title(settings, told), text(told)
    ways += [partial(post, hook, heading, words) for hook in settings.alarms.webhooks]
    took = [taken(way) for way in ways]
    return any(took) or not ways


def taken(way: Callable[[], object]) -> bool:
    """Whether a message went out by this way; why not is in the log."""
    try:
        way()
    except (NotSent, OSError, HTTPException, ValueError) as refused:
        log.warning("a message could not be sent by one way: %s", _without_token(str(refused)))
        return False
    return True


def _without_token(text: str) -> str:
    """A robot's address holds its password."""
    return text.partition("?")[0]


def _mail(settings: Settings, told: Sequence[News]) -> None:
    send(settings.mail, settings.alarms.mail_to, title(settings, told), text(told))


def post(hook: Webhook, heading: str, told: str) -> None:
    """DingTalk and WeCom take the same; both answer 200 and say in `errcode` what they did."""
    body = {"msgtype": "text", "text": {"content": f"{heading}\n\n{told}"}}
    request = urllib.request.Request(  # noqa: S310  an operator's own URL
        _signed(hook, time.time()),
        data=json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        said = json.load(answer)
    if isinstance(said, dict) and said.get("errcode", 0) != 0:
        raise NotSent(f"{hook.kind}: errcode {said['errcode']} {said.get('errmsg', '')}")


def _signed(hook: Webhook, now: float) -> str:
    """DingTalk robots that want it: time and HMAC-SHA256 of it with the secret, in the URL."""
    url = hook.url.get_secret_value()
    if hook.secret is None:
        return url
    stamp = str(round(now * 1000))
    key = hook.secret.get_secret_value()
    digest = hmac.new(key.encode(), f"{stamp}\n{key}".encode(), hashlib.sha256).digest()
    sign = quote_plus(base64.b64encode(digest))
    return f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={sign}"

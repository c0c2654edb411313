"""What is ordered at a desk for the conversation that goes on there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ivr.config import Agent
from ivr.people.sensitive import Sensitive


class Deed(StrEnum):
    """One control of the desk."""

    HOLD = "hold"
    RETRIEVE = "retrieve"
    MUTE = "mute"
    UNMUTE = "unmute"
    PAUSE = "pause"
    RESUME = "resume"
    KEYS = "keys"
    CONSULT = "consult"
    DROP = "drop"
    JOIN = "join"
    HAND_OVER = "hand_over"
    PASS_ON = "pass_on"  # noqa: S105  a deed
    SEND_TO = "send_to"
    LISTEN = "listen"
    WHISPER = "whisper"
    HUSH = "hush"
    TAKE_OVER = "take_over"
    LEAVE = "leave"

    @property
    def words(self) -> str:
        """As it stands on the desk."""
        return _WORDS[self]

    @property
    def is_supervisors(self) -> bool:
        """Whether only the shift's leader may, in somebody else's conversation."""
        return self in SUPERVISORS


_WORDS: Final[Mapping[Deed, str]] = {
    Deed.HOLD: "保持",
    Deed.RETRIEVE: "取回",
    Deed.MUTE: "静音",
    Deed.UNMUTE: "取消静音",
    Deed.PAUSE: "暂停录音",
    Deed.RESUME: "继续录音",
    Deed.KEYS: "发按键",
    Deed.CONSULT: "咨询同事",
    Deed.DROP: "结束咨询",
    Deed.JOIN: "三方通话",
    Deed.HAND_OVER: "交给同事",
    Deed.PASS_ON: "直接转给同事",
    Deed.SEND_TO: "转回热线",
    Deed.LISTEN: "监听",
    Deed.WHISPER: "耳语",
    Deed.HUSH: "停止耳语",
    Deed.TAKE_OVER: "接管",
    Deed.LEAVE: "结束监听",
}
SUPERVISORS: Final = frozenset({Deed.LISTEN, Deed.WHISPER, Deed.HUSH, Deed.TAKE_OVER, Deed.LEAVE})
PLACES: Final[Mapping[str, str]] = {
    "contentment": "满意度评价",
    "main": "主菜单",
    "account.menu": "公积金账户",
    "loan.menu": "贷款",
    "feedback.menu": "投诉和建议",
}
"""Where a caller may be sent back to in the line, by the names of the script's places."""
KEYS: Final = re.compile(r"[0-9*#]{1,20}")


class NotDone(Exception):
    """The order was not done, and the conversation is as it was; says why."""


class Failed(NotDone):
    """Asterisk would not; the conversation is as Asterisk has it."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What becomes of the caller once the conversation is over."""

    passed_to: Agent | None = None
    """Whose phone is rung for the caller next."""
    place: str | None = None
    """Where in the line the caller goes on; None: as after every conversation."""
    was_cut: bool = False
    """The agent's phone vanished: the caller did not want it to end."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order, and where its answer goes: None, or NotDone."""

    deed: Deed
    by: Agent
    """At whose desk it was given."""
    to: Agent | None = None
    """Of CONSULT and PASS_ON: which colleague."""
    place: str = ""
    """Of SEND_TO: one of PLACES."""
    keys: Sensitive[str] | None = None
    """Of KEYS."""
    session: str = ""
    """Of a supervisor's: whose call was meant; the desk may have the next one by now."""
    done: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def answer(self, refused: NotDone | None = None) -> None:
        """Tell who ordered it, unless they wait no more."""
        if self.done.done():
            return
        if refused is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(refused)

"""`ivr probe`: one trial call to the line, judged against the prompts in force."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from ivr.asterisk.configure import PROBE, probe_secret
from ivr.config import LINE_NUMBER, Settings
from ivr.lifecycle.switch import closed
from ivr.people.sensitive import Sensitive
from ivr.probe.course import Course, Failed, Passed, Step
from ivr.probe.ear import Ear
from ivr.probe.sip import SipFault
from ivr.probe.sound import RATE
from ivr.probe.telephone import Address, Telephone
from ivr.records.facts import Probed, Verdict
from ivr.speech.contract import CONTRACT
from ivr.speech.prompts import PromptSet, PromptSetError, Shelf, sentence

LONGEST_SECONDS = 50.0
"""Of the whole call: the next one begins a minute after it."""
DIAL_SECONDS = 10.0
NOBODYS = "110105190001010028"
"""A well-formed number that nobody has (born in 1900): asked for where the settings name none."""
_SPOKEN = ("line.", "main.", "nav.", "identity.", "account.", "loan.", "agent.", "limits.",
           "feedback.", "survey.", "password.")  # fmt: skip
"""What a sentence's clips are called; numbers and the information tree are not listened for."""
_APOLOGIES = ("line.apology", "line.system_error", "line.busy", "line.closed", "limits.line_full",
              "limits.caller_busy", "limits.lookups", "limits.locked",
              "identity.cannot_be_told")  # fmt: skip


async def probe(settings: Settings) -> Probed:
    """Call the line once, as a caller would; bounded, and never raises for what it meets."""
    try:
        return await _tried(settings)
    except (OSError, PromptSetError, SipFault) as cannot:
        first = str(cannot).partition("\n")[0]
        return _nothing(settings, "impossible", f"{type(cannot).__name__}: {first}")


async def _tried(settings: Settings) -> Probed:
    spoken = Shelf(settings.audio, CONTRACT).current()
    server = settings.probe.address or _own_address(settings)
    password = settings.probe.password
    async with Telephone.connected(
        server,
        user=settings.probe.user or "probe",
        password=None if password is None else password.get_secret_value(),
        host=host_towards(server),
    ) as phone:
        if refusal := await _refusal(settings, phone):
            return _nothing(settings, "unanswered", refusal)
        steps = _steps(settings, spoken)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                passed, failed = await _course(settings, spoken, phone).run(steps)
        except TimeoutError:
            passed, failed = [], Failed(steps[0], "silence")
        return _told(settings, phone, passed, failed)


async def _refusal(settings: Settings, phone: Telephone) -> str:
    """Why the call was not answered; empty when it was."""
    outside = settings.probe.server is not None
    number = settings.probe.number if outside else LINE_NUMBER
    headers = {} if outside else {PROBE: probe_secret(settings)}
    if outside:
        phone.sender = f"<sip:{phone.user}@{phone.server[0]}>"
    with suppress(TimeoutError):
        status = await phone.dial(number, within=DIAL_SECONDS, headers=headers)
        return "" if status == 200 else f"SIP {status}"
    return f"{phone.server[0]}:{phone.server[1]} {DIAL_SECONDS:.0f} 秒没有应答 · no answer"


def _own_address(settings: Settings) -> Address:
    everywhere = "0.0.0.0"  # noqa: S104  compared, and not listened on
    host = settings.sip_host
    return ("127.0.0.1" if host == everywhere else host, settings.sip_port)


def host_towards(server: Address) -> str:
    """The address of this machine from which the server is reached; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looking:
        looking.connect(server)
        return str(looking.getsockname()[0])


# --- what is expected -------------------------------------------------------------------------


def _course(settings: Settings, spoken: PromptSet, phone: Telephone) -> Course:
    sounds = {
        name: Path(f"{clip.path}.alaw").read_bytes()
        for name, clip in spoken.clips.items()
        if name.startswith(_SPOKEN)
    }
    ear = Ear(sounds)
    return Course(
        phone,
        ear,
        apologies=frozenset(
            ear.alias[name] for name in sounds if name.startswith(_APOLOGIES) and ear.knows(name)
        ),
        patience=settings.probe.patience_seconds,
        seconds={name: len(sound) / RATE for name, sound in sounds.items()},
    )


def _steps(settings: Settings, spoken: PromptSet) -> list[Step]:
    """Greeting, 1, 1, the number, and the voice that tells about it."""
    given = settings.accounts.test_id
    number = Sensitive(NOBODYS if given is None else given.get_secret_value())
    return [
        Step("main.greeting", _first_of(spoken, "main.greeting")),
        Step("main.menu", _first_of(spoken, "main.menu"), whole=False, keys=Sensitive("1")),
        Step("account.menu", _first_of(spoken, "account.menu"), whole=False, keys=Sensitive("1")),
        Step("identity.ask", _first_of(spoken, "identity.ask"), keys=_keyed(number)),
        Step("account.readout", _result(settings, spoken), whole=given is None),
    ]


def _keyed(number: Sensitive[str]) -> Sensitive[str]:
    """As it is keyed: the star stands for X, and a # ends fifteen digits."""
    digits = number.reveal().strip().upper().replace("X", "*")
    return Sensitive(digits + "#" * (len(digits) == 15))


def _first_of(spoken: PromptSet, prompt: str) -> tuple[str, ...]:
    """The first clip of a sentence without values."""
    return (spoken.utterance(sentence(prompt)).clips[0].name,)


def _result(settings: Settings, spoken: PromptSet) -> tuple[str, ...]:
    """The answer that shows that the accounts were asked, as far as we may know it."""
    if settings.accounts.password:
        wanted: tuple[str, ...] = ("password.ask", "account.not_found")
    elif settings.accounts.test_id is not None:
        wanted = ("account.readout.1",)
    else:
        wanted = ("account.not_found",)
    return tuple(name for name in spoken.clips if name in wanted)


# --- what came of it --------------------------------------------------------------------------


def _nothing(settings: Settings, verdict: Verdict, detail: str) -> Probed:
    return Probed(
        verdict=verdict,
        step="",
        outside=settings.probe.server is not None,
        line_closed=closed(settings.home) is not None,
        detail=detail,
    )


def _told(
    settings: Settings, phone: Telephone, passed: list[Passed], failed: Failed | None
) -> Probed:
    took = {each.step.name: round(each.seconds * 1000) for each in passed}
    by_key = [took[name] for name in ("account.menu", "identity.ask") if name in took]
    last = failed.step.name if failed else passed[-1].step.name
    return Probed(
        verdict=failed.verdict if failed else "well",
        step=last,
        greeting_ms=took.get("main.greeting"),
        key_ms=max(by_key, default=None),
        answer_ms=took.get("account.readout"),
        lost=phone.heard.lost,
        outside=settings.probe.server is not None,
        line_closed=closed(settings.home) is not None,
        detail="、".join(dict.fromkeys(failed.heard)) if failed else "",
    )

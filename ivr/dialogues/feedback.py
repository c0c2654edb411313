"""Key 6: 互动交流 — complaints and suggestions; and 留言 for who finds no agent (seed, 六)."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.calls.call import Call
from ivr.calls.entry import collect_id
from ivr.calls.record import Taken, play_back, record
from ivr.dialogues.place import UP, Outcome, coded, place
from ivr.dialogues.progress import progress
from ivr.dialogues.survey import survey
from ivr.recordings.archive import CannotKeep, Slip
from ivr.records.facts import RecordingKind
from ivr.speech.prompts import Utterance


@dataclass(frozen=True, slots=True)
class _Form:
    """What is said around one kind of recording, and where its caller goes then."""

    kind: RecordingKind
    ask_id: str | None
    """None: nobody has to say who they are."""
    warning: str
    above: str


_FORMS: dict[RecordingKind, _Form] = {
    form.kind: form
    for form in (
        _Form(
            "complaint",
            "feedback.complaint_ask_id",
            "feedback.complaint_warning",
            "feedback.kind_menu",
        ),
        _Form(
            "suggestion",
            "feedback.suggestion_ask_id",
            "feedback.suggestion_warning",
            "feedback.kind_menu",
        ),
        _Form("message", None, "feedback.message_warning", "main"),
    )
}


@place("feedback.menu")
async def menu(call: Call) -> Outcome:
    """选择投诉、建议，请按 1。选择网上调查请按 2。按星号返回上一层; 处理进度 is 3."""
    if not call.means.settings.cases.by_telephone:
        return await call.menu("feedback.menu", {"1": kind_menu, "2": survey, "*": UP})
    return await call.menu(
        "feedback.menu_progress", {"1": kind_menu, "2": survey, "3": progress, "*": UP}
    )


@place("feedback.kind_menu", up="feedback.menu")
async def kind_menu(call: Call) -> Outcome:
    """选择投诉，请按 1。选择建议，请按 2。按星号返回上一层。"""
    return await call.menu("feedback.kind_menu", {"1": complaint, "2": suggestion, "*": UP})


@place("feedback.complaint", up="feedback.kind_menu")
async def complaint(call: Call) -> Outcome:
    """我们将您投诉的内容进行电话录音…"""
    return await _prepare(call, _FORMS["complaint"])


@place("feedback.suggestion", up="feedback.kind_menu")
async def suggestion(call: Call) -> Outcome:
    """我们将您建议的内容进行电话录音…"""
    return await _prepare(call, _FORMS["suggestion"])


@place("feedback.message")
async def leave_message(call: Call) -> Outcome:
    """留言, for who finds no agent; without an ID number, since the caller says the name."""
    return await _prepare(call, _FORMS["message"])


@place("feedback.recording", quiet=True)
async def recording(call: Call) -> Outcome:
    """请讲 — and after a restart the recording goes on, unnoticed by the caller."""
    slip = call.means.desk.slip(call.session)
    if slip is None:
        return UP
    if slip.filed:
        return saved
    match await record(call, slip, "feedback.speak"):
        case Taken.KEPT:
            return saved
        case Taken.NOTHING_HEARD:
            await call.say("feedback.nothing_heard")
        case Taken.NOT_KEPT:
            await call.say("feedback.cannot_record")
        case Taken.KEPT_LATER:
            await call.say("feedback.kept_later")
    return coded(_FORMS[slip.kind].above)


@place("feedback.saved")
async def saved(call: Call) -> Outcome:
    """已保存，编号… — to be heard, spoken again, or left as it is."""
    slip = call.means.desk.slip(call.session)
    if slip is None:
        return UP
    choices = {"1": "hear", "2": "again", "*": "leave"}
    opening: Utterance | None = call.utter("feedback.saved", reference=slip.reference)
    while True:
        match await call.menu("feedback.saved_menu", choices, opening=opening):
            case "hear":
                await play_back(call, slip)
            case "again" if await _begun(call, _FORMS[slip.kind], slip.person, replaces=slip):
                return recording
            case "leave":
                await call.means.desk.drop(slip)
                return coded(_FORMS[slip.kind].above)
        opening = None


async def _prepare(call: Call, form: _Form) -> Outcome:
    """Who it is, and what is going to happen; `*` turns back, any other key goes on at once."""
    try:
        person = await _who(call, form)
    except CannotKeep:
        await call.say("feedback.cannot_record")
        return UP
    if not await _begun(call, form, person):
        return UP
    answer = await call.listen(call.utter(form.warning), patience=0.0, verb="say")
    back = answer.digit == "*"
    call.note_step("say", form.warning, "back" if back else "finished", answer)
    return UP if back else recording


async def _who(call: Call, form: _Form) -> str | None:
    if form.ask_id is None:
        return None
    number = await collect_id(call, form.ask_id, short_allowed=False)
    return await call.means.desk.know(number)


async def _begun(
    call: Call, form: _Form, person: str | None, *, replaces: Slip | None = None
) -> bool:
    """Whether a recording can be kept; else the caller is told before saying it all for nothing."""
    try:
        await call.means.desk.begin(
            form.kind, call.session, person, replaces=replaces, caller=call.number
        )
    except CannotKeep:
        await call.say("feedback.cannot_record")
        return False
    return True

"""An announcement: its text checked like any sentence, its sound made by the line's voice."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ivr.config import Settings
from ivr.speech.announcements import (
    PROMPT,
    Announcement,
    Announcements,
    CannotAnnounce,
    Sound,
    check_until,
    folder,
    new,
)
from prompt_build import choosing, lexicon, sets
from prompt_build.build import BuildFailed, make_all
from prompt_build.catalog.content import Catalog, Prompt, Spoken
from prompt_build.catalog.layers import Told, Where
from prompt_build.catalog.wording import check_length, check_words, is_hanzi
from prompt_build.hearing import joined
from prompt_build.lexicon import LexiconError
from prompt_build.recipe import missing, recipes
from prompt_build.voices import Audio, VoiceUnavailable

MOST_HANZI = 200
"""Nearly a minute: callers wait for the menu behind it."""

_NOT_HERE = re.compile(r"[0-9]+|[{}｛｝\[\]]")
"""What sentences of the catalog may hold, and a text of its own may not."""


class _Faults(Told):
    """Of a text that stands in no file: where is no question."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, where: Where, chinese: str, english: str, within: str = "") -> None:
        """Chinese first, as everywhere."""
        self.words.append(f"{chinese} · {english}")


def plain(text: str) -> str:
    """The text without what a form adds to it: ends of lines, blanks around them."""
    return "".join(line.strip() for line in text.splitlines())


def faults_of(text: str) -> list[str]:
    """Everything for which it cannot be spoken, and what to write instead; none: it can."""
    told = _Faults()
    prompt = _prompt(text)
    for odd in dict.fromkeys(_NOT_HERE.findall(text)):
        told((), f"{odd}：{_told_of(odd)}", f"{odd}: an announcement has words only, in Hanzi")
    check_words(told, (), _NOT_HERE.sub("", text))
    check_length(told, (), prompt)
    said = sum(map(is_hanzi, text))
    if not said:
        told((), "公告里没有要说的话：写上汉字", "there is nothing to say in it")
    if said > MOST_HANZI:
        told(
            (),
            f"公告有 {said} 个字，最多 {MOST_HANZI} 个：来电人要等它说完才听到菜单",
            f"{said} Hanzi are too many (at most {MOST_HANZI}): callers wait for the menu",
        )
    return list(dict.fromkeys(told.words))


def _told_of(odd: str) -> str:
    if odd.isdecimal():
        return "数字写成汉字，如 八点、二零二六年、幺二三二九"
    return "公告里没有变量，删去"


def draft(settings: Settings, text: str, until: datetime, author: str) -> Announcement:
    """Checked, spoken and kept, to be heard and put on the air; CannotAnnounce says every fault."""
    said, now = plain(text), datetime.now(UTC)
    if faults := faults_of(said):
        raise CannotAnnounce("\n".join(faults))
    check_until(until, now)
    try:
        sound = spoken(settings, said, folder(settings.home))
    except (LexiconError, BuildFailed, VoiceUnavailable) as mute:
        raise CannotAnnounce(f"这句话没有合成出来 · could not be spoken: {mute}") from mute
    made = new(said, sound, until, author, now)
    Announcements(settings.home).add(made)
    return made


def spoken(settings: Settings, text: str, below: Path) -> Sound:
    """Have it said by the voice of the line, in a process of its own; what is there is kept.

    Raises LexiconError, BuildFailed or VoiceUnavailable.
    """
    heard = sets.published(settings.audio) or {}
    engine = choosing.choose(settings.speech, heard.get("voice", {}).get("name"))
    speaks = choosing.speaking(settings.speech, engine, lexicon.load(settings.lexicons))
    prompt = _prompt(text)
    catalog = Catalog({PROMPT: prompt}, {}, "")
    wanted = next(each for each in recipes(catalog, speaks) if each.name == PROMPT)
    todo = missing([wanted], sets.present(below))
    make_all(todo, below, engine)
    files = {coding: wanted.file(coding) for coding in wanted.formats}
    samples, rate = heard_as(below, files)
    return Sound(files, len(samples) / rate)


def heard_as(below: Path, files: Mapping[str, str]) -> tuple[Audio, int]:
    """The samples as a telephone plays them, and their rate; OSError where they are not there."""
    return joined(below, {"prompts": {PROMPT: {"files": files}}}, [PROMPT])


def wav(below: Path, files: Mapping[str, str]) -> bytes:
    """The same as a file for browsers and loudspeakers."""
    import soundfile  # noqa: PLC0415  only where somebody listens

    written = io.BytesIO()
    samples, rate = heard_as(below, files)
    soundfile.write(written, samples, rate, format="WAV", subtype="PCM_16")
    return written.getvalue()


def _prompt(text: str) -> Prompt:
    return Prompt(PROMPT, (Spoken(text.replace("〇", "零")),))

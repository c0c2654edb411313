"""The lexicon: how the words of the trade are said, in the editor's own file; checked when read.

A character of several readings is confirmed by a word of the lexicon (or by a sentence's hint), or
when it is read as `[usual]` says it mostly is. What nobody has confirmed is listed, not guessed at.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr import syntax
from ivr.positions import Positions
from ivr.records.durable import write
from prompt_build.catalog.content import Catalog, Prompt, Spoken
from prompt_build.catalog.wording import misspelt
from prompt_build.syllables import HANZI, NOTHING, Syllable, Words, cut, syllables

_TABLES = ("usual", "words")
_POLYPHONES = Path(__file__).parent / "polyphones.tsv"
_ORDINALS = set("类层路楼栋幢座单区室级等线档环季号")
"""What 一 is the first of (一层楼, 一类卡), or one of: only a word can tell."""
_WORDS = "\n[words]\n"
_OWN = f"# 本市的读音词表：优先于 lexicon.zh.toml，写法和它一样。\n{_WORDS}"
_AROUND = 3
"""Hanzi shown on each side of what nobody has confirmed."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words with their readings, and how characters of several readings are mostly read."""

    words: Words
    usual: Mapping[str, str]

    @property
    def version(self) -> str:
        """Hash of the content."""
        content = json.dumps([dict(self.words), dict(self.usual)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


EMPTY = Lexicon(NOTHING, NOTHING)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A character of several readings whose word stands in no lexicon."""

    character: str
    said: str
    """As it will be read: `huan2`."""
    readings: tuple[str, ...]
    """All that it has."""
    around: str
    """A little of the sentence, the character between ［］."""
    word: str
    """A word to confirm it by, as the dictionary cuts the sentence."""
    pinyin: str
    """Of that word, as it will be read."""
    prompt: str = ""
    """Which sentence says it."""


class LexiconError(Exception):
    """The lexicon cannot be used; names every fault with its line and what to write."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def load(paths: Iterable[Path]) -> Lexicon:
    """The lexicon of these files, a later one over an earlier; LexiconError with all faults."""
    words: dict[str, str] = {}
    usual: dict[str, str] = {}
    faults: list[str] = []
    for path in paths:
        content, wrong = _read(path)
        faults += [f"{path.name}:{fault}" for fault in wrong]
        words |= content.get("words", {})
        usual |= content.get("usual", {})
    if faults:
        raise LexiconError(faults)
    return Lexicon(MappingProxyType(words), MappingProxyType(usual))


def _read(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        source = syntax.text_of(path)
    except FileNotFoundError:
        return {}, ["1:1: 没有这个文件"]
    except syntax.Unreadable as refused:
        return {}, _told([refused.blemish])
    if blemishes := syntax.blemishes(source):
        return {}, _told(blemishes)
    content, positions = tomllib.loads(source), Positions(source)
    faults = [
        f"{line}:{column}: {message}"
        for where, message in _faults(content)
        for line, column in [positions.of(where)]
    ]
    return content, faults


def _told(blemishes: Iterable[syntax.Blemish]) -> list[str]:
    return [f"{each.line}:{each.column}: {each.chinese}" for each in blemishes]


def _faults(content: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for table, entries in content.items():
        if table not in _TABLES or not isinstance(entries, dict):
            yield (table,), f"没有 [{table}] 这一节：只有 [words] 和 [usual]"
            continue
        for word, said in entries.items():
            message = _usual_fault(word, said) if table == "usual" else _word_fault(word, said)
            if message:
                yield (table, word), message


def _word_fault(word: str, said: object) -> str | None:
    if not re.fullmatch(f"[{HANZI}]+", word):
        return f"「{word}」不全是汉字：左边只写要念的词"
    if len(word) == 1 and word in polyphones():
        return f"「{word}」有几个读音，要写它所在的词；平时的读法写在 [usual] 一节"
    return _reading_fault(word, said)


def _usual_fault(character: str, said: object) -> str | None:
    if character not in polyphones():
        return f"「{character}」不是表里的多音字：从 [usual] 里删掉，要改读音就写进 [words]"
    if said not in polyphones()[character]:
        return f"「{character}」没有 {said} 这个读音：有 {'、'.join(polyphones()[character])}"
    return None


def _reading_fault(word: str, said: object) -> str | None:
    wrong = misspelt(word, said) if isinstance(said, str) else "写在引号里"
    return f"「{word}」的注音 {said} 不对：{wrong}" if wrong else None


@cache
def polyphones() -> Mapping[str, tuple[str, ...]]:
    """Character → its readings today, for those that have several."""
    lines = _POLYPHONES.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return MappingProxyType({character: tuple(said.split()) for character, said in rows})


def unconfirmed(text: str, hints: Words, lexicon: Lexicon) -> Iterator[Unconfirmed]:
    """The characters of `text` that could be read otherwise, and whose word nobody has confirmed.

    A respelling in Hanzi is a confirmation like any other hint.
    """
    for run in re.findall(f"[{HANZI}]+", text):
        read = syllables(run, hints, lexicon.words)
        for at, each in enumerate(read):
            readings = _open_readings(read, at, lexicon)
            if readings:
                first, after = _word_around(run, at)
                yield Unconfirmed(
                    each.character,
                    each.pinyin,
                    readings,
                    f"{run[max(0, at - _AROUND) : at]}［{each.character}］"
                    f"{run[at + 1 : at + 1 + _AROUND]}",
                    run[first:after],
                    " ".join(syllable.pinyin for syllable in read[first:after]),
                )


def unconfirmed_in(catalog: Catalog, lexicon: Lexicon) -> Iterator[Unconfirmed]:
    """The same of all sentences of a catalog, variables put in; a recording needs no reading."""
    for prompt in catalog.prompts.values():
        if prompt.recorded is None:
            for text in _texts(prompt):
                for each in unconfirmed(text, prompt.hints, lexicon):
                    yield replace(each, prompt=prompt.name)


def _texts(prompt: Prompt) -> Iterator[str]:
    """What a prompt says in words, those of its codes too."""
    for piece in prompt.pieces:
        yield from [piece.text] if isinstance(piece, Spoken) else piece.codes.values()


def confirm(found: Iterable[Unconfirmed], own: Path) -> Mapping[str, str]:
    """Write the words into the city's own lexicon as they are read; returns those that are new.

    What stands there stays as it is, comments too.
    """
    before = own.read_text(encoding="utf-8") if own.is_file() else _OWN
    known = tomllib.loads(before).get("words", {})
    added = {each.word: each.pinyin for each in found if each.word not in known}
    lines = "".join(f'"{word}" = "{pinyin}"\n' for word, pinyin in added.items())
    head, words, rest = before.partition("[words]\n")
    write(own, f"{head}{words or _WORDS}{lines}{rest}".encode())
    return added


def _open_readings(read: list[Syllable], at: int, lexicon: Lexicon) -> tuple[str, ...]:
    """What the syllable could be as well; nothing where somebody has decided."""
    each = read[at]
    if each.source != "dictionary" or lexicon.usual.get(each.character) == each.pinyin:
        return ()
    if each.character == "一":
        ordinal = at + 1 < len(read) and read[at + 1].character in _ORDINALS
        return ("yi1", "yi2", "yi4") if ordinal else ()
    return polyphones().get(each.character, ())


def _word_around(run: str, at: int) -> tuple[int, int]:
    """From where to where the word reaches that holds the character; two Hanzi at least."""
    first = 0
    for word in cut(run):
        after = first + len(word)
        if first <= at < after:
            break
        first = after
    if after - first == 1:
        return (first, min(after + 1, len(run))) if after < len(run) else (max(0, first - 1), after)
    return first, after

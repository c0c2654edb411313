"""What each trunk brings: calls, keys, and numbers that the line does not have.

Kept since the service began, for whoever watches the line; no caller's number is in it.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter

MOST_NUMBERS = 20
"""Wrong numbers that are shown: who tries thousands need not fill the page, nor the records."""
SILENT_CALLS = 20
"""So many calls of a trunk in a row without a single key, and its keys do not arrive."""


@dataclass(frozen=True, slots=True)
class Misdialled:
    """A call to a number that the line does not have."""

    dialled: str
    trunk: str | None
    """None: it came from a guest."""
    caller: str
    """Masked."""


@dataclass(slots=True)
class Traffic:
    """By trunk; None is whoever calls by none."""

    registry: CollectorRegistry
    _counted: dict[str, Counter] = field(default_factory=dict, init=False)
    _of_trunk: dict[tuple[str, str | None], Counter] = field(default_factory=dict, init=False)
    _calls: Tally[str | None] = field(default_factory=Tally, init=False)
    _calls_without_key: Tally[str | None] = field(default_factory=Tally, init=False)
    """Since the last key: a carrier may change its equipment."""
    _keys: Tally[str | None] = field(default_factory=Tally, init=False)
    _doubled: Tally[str | None] = field(default_factory=Tally, init=False)
    _unknown: list[Misdialled] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        for name, meaning in (
            ("ivr_calls_came", "Calls that entered the line"),
            ("ivr_keys", "Keys that came"),
            ("ivr_keys_doubled", "Keys that came once more at the same moment"),
            ("ivr_calls_misdialled", "Calls to numbers that the line does not have (404)"),
        ):
            self._counted[name] = Counter(name, meaning, ["trunk"], registry=self.registry)

    def call_came(self, trunk: str | None) -> None:
        """A call entered the line."""
        self._count("ivr_calls_came", trunk)
        self._calls[trunk] += 1
        self._calls_without_key[trunk] += 1

    def key_came(self, trunk: str | None) -> None:
        """Somebody pressed a key."""
        self._count("ivr_keys", trunk)
        self._keys[trunk] += 1
        self._calls_without_key[trunk] = 0

    def key_doubled(self, trunk: str | None) -> None:
        """A key came once more at the same moment, by another way, and was not taken."""
        self._count("ivr_keys_doubled", trunk)
        self._doubled[trunk] += 1

    def misdialled(self, call: Misdialled) -> bool:
        """A call was answered 404; whether it is the first to this number, and is to be shown."""
        self._count("ivr_calls_misdialled", call.trunk)
        known = {(each.trunk, each.dialled) for each in self._unknown}
        is_news = (call.trunk, call.dialled) not in known and len(known) < MOST_NUMBERS
        if is_news:
            self._unknown.append(call)
        return is_news

    def seen(self) -> Iterator[str]:
        """What trunks bring, a line each."""
        for trunk, calls in self._calls.items():
            keys, doubled = self._keys[trunk], self._doubled[trunk]
            twice = f"，其中 {doubled} 个来了两次" if doubled else ""
            yield (
                f"{_called(trunk)}：{calls} 通来电，{keys} 个按键{twice} · "
                f"{calls} calls, {keys} keys"
            )

    def oddities(self) -> Iterator[str]:
        """What a carrier, or the settings for it, should be asked about."""
        for trunk, calls in self._calls_without_key.items():
            if calls >= SILENT_CALLS:
                yield (
                    f"{_called(trunk)}：最近 {calls} 通来电没有一个按键，请改 trunks[].dtmf · "
                    f"no key in the last {calls} calls: set another dtmf"
                )
        for each in self._unknown:
            yield (
                f"{_called(each.trunk)}：拨的是 {each.dialled or '空号'}，热线没有这个号码"
                f"（404，来电号码 {each.caller}），请看 trunks[].numbers · no number of the line"
            )

    def _count(self, name: str, trunk: str | None) -> None:
        counted = self._of_trunk.get((name, trunk))
        if counted is None:
            counted = self._of_trunk[name, trunk] = self._counted[name].labels(trunk or "")
        counted.inc()


def _called(trunk: str | None) -> str:
    return "不经中继" if trunk is None else f"中继 {trunk}"

"""What each trunk brings: calls, keys, and numbers that the line does not have.

Kept since the service began, for whoever watches the line; no caller's number is in it.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

MOST_NUMBERS = 20
"""Wrong numbers that are shown: who tries thousands need not fill the page, nor the records."""
SILENT_CALLS = 20
"""So many calls of a trunk in a row without a single key, and its keys do not arrive."""


Way = Literal["rfc4733", "info", "inband"]
"""How a key comes: as telephone-event among the speech, as SIP INFO, as a tone in the speech."""
_CALLED: Mapping[Way, str] = {"rfc4733": "RFC 4733", "info": "SIP INFO", "inband": "带内音"}
_NO_KEYS = (
    '按键收不到，请改 trunks[].dtmf = "auto" · its keys do not arrive: set dtmf to auto',
    "按键只能从声音里听出来，容易丢键：请运营商在 INVITE 里提供 telephone-event/8000；"
    '对方只用 SIP INFO 的，请改 trunks[].dtmf = "info" · keys depend on tones: ask the carrier'
    " for RFC 4733",
)
"""What it means that telephone-event was not agreed upon: by `rfc4733`, and by `auto`."""


@dataclass(frozen=True, slots=True)
class Misdialled:
    """A call to a number that the line does not have."""

    dialled: str
    trunk: str | None
    """None: it came from a guest."""
    caller: str
    """Masked."""


@dataclass(slots=True, eq=False)
class Traffic(Collector):
    """By trunk; None is whoever calls by none. Monitoring reads what is counted when it asks."""

    registry: InitVar[CollectorRegistry]
    dtmf: Mapping[str, str] = field(default_factory=dict)
    """By which way each trunk is set to bring its keys (`trunks[].dtmf`)."""
    _calls: Tally[str | None] = field(default_factory=Tally, init=False)
    _calls_without_key: Tally[str | None] = field(default_factory=Tally, init=False)
    """Since the last key: a carrier may change its equipment."""
    _keys: Tally[str | None] = field(default_factory=Tally, init=False)
    _doubled: Tally[str | None] = field(default_factory=Tally, init=False)
    _by_way: Tally[tuple[str | None, Way]] = field(default_factory=Tally, init=False)
    """Each time that a key was told of, and how it had come."""
    _agreed: Tally[tuple[str | None, bool]] = field(default_factory=Tally, init=False)
    """Calls with and without telephone-event."""
    _misdialled: Tally[str | None] = field(default_factory=Tally, init=False)
    _unknown: list[Misdialled] = field(default_factory=list, init=False)

    def __post_init__(self, registry: CollectorRegistry) -> None:
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """For `/metrics`."""
        for name, meaning, counted in (
            ("ivr_calls_came", "Calls that entered the line", self._calls),
            ("ivr_keys", "Keys that came", self._keys),
            ("ivr_keys_doubled", "Keys that came once more at the same moment", self._doubled),
            (
                "ivr_calls_misdialled",
                "Calls to numbers that the line does not have (404)",
                self._misdialled,
            ),
        ):
            of_trunks = (((trunk or "",), number) for trunk, number in counted.items())
            yield _family(name, meaning, ("trunk",), of_trunks)
        yield _family(
            "ivr_keys_by_way",
            "Keys as they came, copies too: rfc4733, info, inband",
            ("trunk", "way"),
            (((trunk or "", way), number) for (trunk, way), number in self._by_way.items()),
        )
        yield _family(
            "ivr_calls_described",
            "Calls by whether telephone-event was agreed upon",
            ("trunk", "events"),
            (
                ((trunk or "", "yes" if events else "no"), number)
                for (trunk, events), number in self._agreed.items()
            ),
        )

    def call_came(self, trunk: str | None) -> None:
        """A call entered the line."""
        self._calls[trunk] += 1
        self._calls_without_key[trunk] += 1

    def key_came(self, trunk: str | None) -> None:
        """Somebody pressed a key."""
        self._keys[trunk] += 1
        self._calls_without_key[trunk] = 0

    def key_doubled(self, trunk: str | None) -> None:
        """A key came once more at the same moment, by another way, and was not taken."""
        self._doubled[trunk] += 1

    def came_by(self, trunk: str | None, way: Way) -> None:
        """A key was told of, perhaps once more, and had come so."""
        self._by_way[trunk, way] += 1

    def call_over(self, trunk: str | None, events: bool | None) -> None:
        """A call has ended in which telephone-event was agreed upon, or not; None: nobody knows."""
        if events is not None:
            self._agreed[trunk, events] += 1

    def misdialled(self, call: Misdialled) -> bool:
        """A call was answered 404; whether it is the first to this number, and is to be shown."""
        self._misdialled[call.trunk] += 1
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
                f"{_called(trunk)}：{calls} 通来电，{keys} 个按键{twice}{self._ways(trunk)} · "
                f"{calls} calls, {keys} keys"
            )

    def _ways(self, trunk: str | None) -> str:
        """How many keys came by each way, as far as that is known."""
        came = {way: self._by_way[trunk, way] for way in _CALLED}
        told = "、".join(f"{_CALLED[way]} {number}" for way, number in came.items() if number)
        return f"（{told}）" if told else ""

    def oddities(self) -> Iterator[str]:
        """What a carrier, or the settings for it, should be asked about."""
        for trunk, calls in self._calls_without_key.items():
            if calls >= SILENT_CALLS:
                yield (
                    f"{_called(trunk)}：最近 {calls} 通来电没有一个按键，请改 trunks[].dtmf · "
                    f"no key in the last {calls} calls: set another dtmf"
                )
        yield from filter(None, map(self._no_events, self.dtmf))
        for each in self._unknown:
            yield (
                f"{_called(each.trunk)}：拨的是 {each.dialled or '空号'}，热线没有这个号码"
                f"（404，来电号码 {each.caller}），请看 trunks[].numbers · no number of the line"
            )

    def _no_events(self, trunk: str) -> str:
        """How keys come where telephone-event was hoped for and not agreed upon; empty: well."""
        without = self._agreed[trunk, False]
        only_info = self._by_way[trunk, "info"] and not self._by_way[trunk, "inband"]
        if not without or only_info or self.dtmf[trunk] not in {"auto", "rfc4733"}:
            return ""
        meaning = _NO_KEYS[self.dtmf[trunk] == "auto"]
        known = without + self._agreed[trunk, True]
        return (
            f"{_called(trunk)}：{known} 通来电里有 {without} 通没有协商 telephone-event"
            f"（RFC 4733），{meaning}"
        )


def _family(
    name: str, meaning: str, labels: Sequence[str], counted: Iterable[tuple[tuple[str, ...], int]]
) -> Metric:
    """Samples by the values of their labels, as Prometheus knows counters."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, number in counted:
        family.add_metric(values, number)
    return family


def _called(trunk: str | None) -> str:
    return "不经中继" if trunk is None else f"中继 {trunk}"

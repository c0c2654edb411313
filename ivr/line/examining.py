"""What of a service is examined when somebody asks whether it is well."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ivr.accounts import Accounts
from ivr.config import Agent
from ivr.lifecycle.health import Part
from ivr.lifecycle.switch import closed
from ivr.lifecycle.vitals import Vitals
from ivr.line.reception import Reception
from ivr.records.journal import Journal
from ivr.speech.publications import in_words


class Examiner:
    """What `/healthz` asks: the line is well only while it can take a call."""

    def __init__(
        self,
        reception: Reception,
        journal: Journal,
        vitals: Vitals,
        others: Callable[[], Mapping[str, Part]] = dict,
    ) -> None:
        self._reception = reception
        self._journal = journal
        self._vitals = vitals
        self._others = others

    async def __call__(self) -> Mapping[str, Part]:
        """Every part that a call needs, examined now."""
        return {
            "ari": self._ari(),
            "prompts": self._prompts(),
            "accounts": await _well(self._reception.means.accounts),
            "journal": self._records(),
            "line": self._line(),
            "trunks": self._trunks(),
            "traffic": Part(True, "; ".join(self._vitals.traffic.seen())),
            "agents": self.agents(),
            "talks": self._talks(),
            **self._others(),
        }

    def _ari(self) -> Part:
        up = self._vitals.link
        return Part(up, "" if up else f"no link to {self._reception.ari.base}")

    def _prompts(self) -> Part:
        """Callers hear something; whether it is what was published, is said besides."""
        shelf = self._reception.shelf
        detail = f"set {shelf.current().number} ({shelf.current().version})"
        if shelf.refused:
            detail += f"；发布的语音用不了 · the published prompts are refused: {shelf.refused}"
        if turns := shelf.turns():
            detail += f"；{in_words(turns[0])}"
        return Part(True, detail, warns=bool(shelf.refused))

    def _trunks(self) -> Part:
        """What to ask a carrier about, or to set otherwise; calls come all the same."""
        odd = "; ".join(self._vitals.traffic.oddities())
        return Part(True, odd, warns=bool(odd))

    def agents(self) -> Part:
        """Who does not answer is not rung; the line is well all the same."""
        told = ", ".join(map(_away, self._reception.means.switchboard.desks.away()))
        detail = f"离开，没有接 · away, not answering: {told}" if told else ""
        return Part(True, detail, warns=bool(told))

    def _talks(self) -> Part:
        """Conversations go on unrecorded; that the last one was is said."""
        fault = self._reception.means.tapes.fault
        told = (
            f"通话没有录音，或没有录全 · a conversation is not recorded: {fault}" if fault else ""
        )
        return Part(True, told, warns=bool(fault))

    def _line(self) -> Part:
        """A closed line is well: it does what it was told."""
        found = closed(self._reception.means.settings.home)
        return Part(True, str(found or "open"), shut=found is not None)

    def _records(self) -> Part:
        fault = self._journal.fault
        return Part(fault is None, fault or "")


def _away(who: tuple[Agent, float | None]) -> str:
    agent, left = who
    until = "" if left is None else f" for {left:.0f} s more"
    return f"{agent.name} ({agent.extension}){until}"


async def _well(accounts: Accounts) -> Part:
    fault = await accounts.fault()
    return Part(fault is None, fault or "")

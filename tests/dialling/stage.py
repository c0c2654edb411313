"""A dialler on which everything around it is played: the way out, the trail, the disk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ivr.agents.desks import Desks
from ivr.agents.presence import State
from ivr.agents.switchboard import Switchboard
from ivr.config import Agent, Settings
from ivr.dialling.dialler import Dialler
from ivr.dialling.ledger import Ledger
from ivr.dialling.outward import AgentAway, DiallingFailed
from ivr.hours import BEIJING
from ivr.people.audit import Entry
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Fact

AGENT = Agent(name="一号坐席", extension="6001")
SECOND = Agent(name="二号坐席", extension="6002")
WEDNESDAY = datetime(2026, 11, 25, 10, tzinfo=BEIJING)
TRUNKS = [{"name": "carrier", "hosts": ["192.0.2.1"]}]

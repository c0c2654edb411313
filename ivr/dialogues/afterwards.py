"""What is asked after a text has been heard: 重听请按 1，返回上层请按*号键。"""

from __future__ import annotations

from ivr.calls.call import Call


def replay_or_back(call: Call) -> str:
    """The question; it names key 0 where an agent can be asked for in every menu."""
    return "nav.replay_back_agent" if call.zero_is_agent else "nav.replay_or_back"

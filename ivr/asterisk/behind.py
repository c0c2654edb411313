"""What Asterisk's configuration says where a line stands behind an edge (Kamailio).

All calls come from the edge's addresses then. Whose they are it says in a header, which it takes
off everybody else's; from any other address the header means nothing.
"""

from __future__ import annotations

from ivr.config import EDGE, EdgeSettings, Settings, Trunk

VIA_TRUNK, VIA_AGENT = "X-Trunk", "X-Agent"
"""By which the edge says whose call it brings."""
LAST_TRY = "X-Last-Try"
"""By which it says that no other cell is left to take the call."""
WHOSE = "WHOSE"
"""The dialplan's variable with the endpoint whose call it is, by the edge's word."""
NONE = dict.fromkeys(("edge", "edge_contexts", "whose", "another_cell"), "")
"""What stands in the files of a line without an edge."""
_ANY = "_[+*#%_0-9A-Za-z]!"
_ENDPOINT = """\
; It vouches for carriers and agents by a header that it takes off everybody else's calls.
[{name}](caller)
context = {name}
identify_by = ip
trust_id_inbound = yes
rewrite_contact = no
[{name}-hosts]
type = identify
endpoint = {name}
"""
_COMES_IN = f"""\
; What the edge says of a call decides whose it is; an unknown trunk is a guest.
[{EDGE}]
exten => {_ANY},1,Set(VIA_EDGE=1)
 same => n,Set(VIA_TRUNK=${{PJSIP_HEADER(read,{VIA_TRUNK})}})
 same => n,Set(VIA_AGENT=${{PJSIP_HEADER(read,{VIA_AGENT})}})
 same => n,Set(LAST_TRY=${{PJSIP_HEADER(read,{LAST_TRY})}})
"""
_ANOTHER_CELL = """\
; Told as 503: the edge gives the call to the next cell, and that one counts it.
[another-cell]
exten => s,1,Set(CAME=)
 same => n,Hangup(34)

"""
_NOBODY_HERE = (
    ' same => n,GotoIf($["${VIA_EDGE}" = "1" & "${LAST_TRY}" = ""'
    ' & "${CHANNEL(state)}" != "Up"]?another-cell,s,1)\n'
)
"""No service, and the edge may have other cells: nobody has heard us yet, so it is told at once."""


def edge(settings: Settings, told: EdgeSettings) -> dict[str, str]:
    """The edge's endpoint and the dialplan of what it brings."""
    matches = "".join(f"match = {address}\n" for address in told.known)
    return {
        "edge": f"{_ENDPOINT.format(name=EDGE)}{matches}",
        "edge_contexts": _contexts(settings),
        "whose": f"${{{WHOSE}}}",
        "another_cell": _NOBODY_HERE,
    }


def agent(told: EdgeSettings, name: str) -> str:
    """Registered at the edge, for all cells of the centre, and asked for there (OPTIONS).

    Nobody is taken for the agent by a name: what the agent calls comes by the edge, which has
    asked for the password.
    """
    return (
        f"[{name}](agent)\naors = {name}\nidentify_by = ip\n"
        f"[{name}]\ntype = aor\ncontact = sip:{name}@{told.called}:{told.port}\n"
        "qualify_frequency = 10\nqualify_2xx_only = yes\n"
    )


def way_out(told: EdgeSettings) -> str:
    """Of a trunk: carriers know the edge's address and no cell's."""
    return f"outbound_proxy = sip:{told.called}:{told.port}\\;lr\n"


def _contexts(settings: Settings) -> str:
    trunks, phones = settings.trunks, settings.agents.phones
    guests = "Goto(callers,${EXTEN},1)" if settings.guests else "Hangup(21)"
    return (
        _COMES_IN
        + "".join(_goes_to("VIA_TRUNK", trunk.name, trunk.endpoint) for trunk in trunks)
        + "".join(_goes_to("VIA_AGENT", each.extension, each.extension) for each in phones)
        + f" same => n,{guests}\n"
        + "".join(map(_from_trunk, trunks))
        + "".join(_from(phone.extension, "agents") for phone in phones)
        + _ANOTHER_CELL
    )


def _goes_to(variable: str, value: str, endpoint: str) -> str:
    return f' same => n,GotoIf($["${{{variable}}}" = "{value}"]?{EDGE}-{endpoint},${{EXTEN}},1)\n'


def _from_trunk(trunk: Trunk) -> str:
    """As the trunk's own calls would be taken, keys too."""
    keys = "" if trunk.dtmf == "auto" else f" same => n,Set(PJSIP_DTMF_MODE()={trunk.dtmf})\n"
    return _from(trunk.endpoint, trunk.endpoint if trunk.any_number else "callers", keys)


def _from(endpoint: str, context: str, keys: str = "") -> str:
    return (
        f"[{EDGE}-{endpoint}]\nexten => {_ANY},1,Set({WHOSE}={endpoint})\n{keys}"
        f" same => n,Goto({context},${{EXTEN}},1)\n"
    )

"""Kamailio's and keepalived's files for each edge, rendered from `etc/` and the settings.

Each edge has a folder under its own address. A site's own additions stand beside them in
`site.cfg`, which is read where it is and never written.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator, Set
from ipaddress import ip_network
from pathlib import Path
from string import Template

from ivr.asterisk.configure import relay_secret, write_private
from ivr.config import Centre, EdgeSettings, Settings, SettingsError, Trunk
from ivr.edge.drained import drained, keep

TEMPLATES = Path(__file__).parent / "etc"
REALM = "12329"
"""Of the agents' passwords: phones answer whatever realm they are asked for."""
_CARRIERS, _CELLS = 1, 2
"""Groups of addresses, as kamailio.cfg asks for them."""
_DISABLED_AND_PROBED = 12
"""Flags of a drained cell in dispatcher.list: it is not chosen, and asked all the same."""
WORKERS = 4


class _Template(Template):
    """Kamailio's own variables begin with a dollar."""

    delimiter = "%"


def folders(settings: Settings, edge: EdgeSettings) -> dict[str, Path]:
    """Where each edge's files are, by its address."""
    return {own: (settings.home / "edge" / own).absolute() for own in edge.addresses}


def configure(settings: Settings) -> list[Path]:
    """Write each edge's folder; returns them. SettingsError with all that is lacking."""
    edge = _edge(settings)
    carriers = _addresses(settings.trunks)
    places = folders(settings, edge)
    for own, folder in places.items():
        _configure_one(settings, edge, own, carriers, folder)
    return list(places.values())


def drain(settings: Settings, edge: EdgeSettings, out: frozenset[str]) -> None:
    """Keep which cells take no new calls, for the next start of Kamailio."""
    keep(settings, out)
    for folder in folders(settings, edge).values():
        if folder.is_dir():
            _write_cells(folder, edge, out)


def _edge(settings: Settings) -> EdgeSettings:
    if settings.edge is None or not settings.edge.centres:
        raise SettingsError(
            "没有 [[edge.centres]]：先写哪些单元接谁的电话（deploy/kamailio/settings.example.toml）"
            " · no [[edge.centres]]: write which cells take whose calls"
        )
    return settings.edge


def _addresses(trunks: tuple[Trunk, ...]) -> list[tuple[str, str]]:
    """Each carrier's networks, with its name; SettingsError with every name that is unknown."""
    found: list[tuple[str, str]] = []
    unknown: list[str] = []
    for trunk in trunks:
        for host in trunk.known_hosts():
            try:
                found += [(network, trunk.name) for network in _networks(host)]
            except OSError:
                unknown.append(
                    f"中继 {trunk.name}：找不到主机 {host}，请写地址"
                    f" · trunk {trunk.name}: no such host as {host}, write its address"
                )
    if unknown:
        raise SettingsError("\n".join(unknown))
    return found


def _networks(host: str) -> list[str]:
    """What the edge compares with: a name is looked up once, now."""
    try:
        return [str(ip_network(host, strict=False))]
    except ValueError:
        told = socket.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        return sorted({f"{each[4][0]}/32" for each in told})


def _configure_one(
    settings: Settings,
    edge: EdgeSettings,
    own: str,
    carriers: list[tuple[str, str]],
    folder: Path,
) -> None:
    write_private(folder / "kamailio.cfg", _kamailio(settings, edge, own, folder))
    write_private(folder / "tables.cfg", "".join(_tables(edge)))
    write_private(folder / "address.list", "".join(_address_list(edge, carriers)))
    _write_cells(folder, edge, drained(settings))
    if edge.floating is not None and len(edge.addresses) == 2:
        write_private(folder / "keepalived.conf", _keepalived(edge, own))


def _rendered(name: str, **values: object) -> str:
    template = (TEMPLATES / name).read_text(encoding="utf-8")
    return _Template(template).substitute({key: str(value) for key, value in values.items()})


def _kamailio(settings: Settings, edge: EdgeSettings, own: str, folder: Path) -> str:
    browsers = edge.websocket_port is not None
    return _rendered(
        "kamailio.cfg",
        folder=folder,
        run=edge.run,
        own=own,
        called=edge.called,
        port=edge.port,
        workers=WORKERS,
        listen="".join(f"listen={place}\n" for place in _listens(edge, own)),
        modules=_browsers_modules(edge) if browsers else "",
        from_browser=_from_browser(settings) if browsers else "",
        browsers=_rendered("browsers.cfg") if browsers else "",
        realm=REALM,
        only_centre=1 if len(edge.centres) == 1 else "$null",
        guests="" if settings.guests else _NO_GUESTS,
        calls_per_second=edge.calls_per_second,
        stranger_requests=edge.stranger_requests,
    )


_NO_GUESTS = """if ($pr != "ws" && $pr != "wss") {
      sl_send_reply("403", "Forbidden");
      exit;
    }"""


def _listens(edge: EdgeSettings, own: str) -> Iterator[str]:
    """The address that all know comes first: what we send without a choice goes out by it."""
    for address in dict.fromkeys((edge.called, own)):
        yield f"udp:{address}:{edge.port}"
        yield f"tcp:{address}:{edge.port}"
    if edge.websocket_port is not None:
        yield f"{'tls' if edge.certificate else 'tcp'}:{edge.called}:{edge.websocket_port}"


def _browsers_modules(edge: EdgeSettings) -> str:
    modules = 'loadmodule "xhttp.so"\nloadmodule "websocket.so"\n'
    if edge.certificate is None:
        return modules
    return (
        f'enable_tls=yes\nloadmodule "tls.so"\n{modules}'
        f'modparam("tls", "certificate", "{edge.certificate}")\n'
        f'modparam("tls", "private_key", "{edge.key}")\n'
        'modparam("tls", "tls_method", "TLSv1.2+")\n'
    )


def _from_browser(settings: Settings) -> str:
    """The cell's relay header, from this door and from no other."""
    header = _quoted(f"X-Relay: {relay_secret(settings)}\r\n")
    return f'if ($pr == "ws" || $pr == "wss") append_hf({header});'


def _tables(edge: EdgeSettings) -> Iterator[str]:
    """Whose number, trunk and phone it is; passwords as the digest needs them, and not in plain."""
    yield "event_route[htable:mod-init] {\n"
    for number, centre in enumerate(edge.centres, 1):
        yield from _centre_table(number, centre)
    yield "}\n"


def _centre_table(set_: int, centre: Centre) -> Iterator[str]:
    for dialled in centre.numbers:
        yield f"  $sht(numbers=>{dialled}) = {set_};\n"
    for trunk in centre.trunks:
        yield f"  $sht(trunks=>{trunk}) = {set_};\n"
    for phone in centre.phones:
        proof = f"{phone.extension}:{REALM}:{phone.password.get_secret_value()}"
        digest = hashlib.md5(proof.encode(), usedforsecurity=False).hexdigest()
        yield f'  $sht(phones=>{phone.extension}) = "{digest}";\n'
        yield f"  $sht(phones=>{phone.extension}::centre) = {set_};\n"


def _address_list(edge: EdgeSettings, carriers: list[tuple[str, str]]) -> Iterator[str]:
    for network, name in carriers:
        address, _, bits = network.partition("/")
        yield f"{_CARRIERS} {f'[{address}]' if ':' in address else address} {bits} 0 {name}\n"
    for host in dict.fromkeys(cell.host for cell in edge.cells):
        yield f"{_CELLS} {host} 32 0 cell\n"


def _write_cells(folder: Path, edge: EdgeSettings, out: Set[str]) -> None:
    """The cells of each centre; those that are drained stay so over a new start."""
    lines = [
        f"{number} {cell.uri} {_DISABLED_AND_PROBED if cell.name in out else 0} 0"
        f" duid={cell.name};maxload={cell.calls}\n"
        for number, centre in enumerate(edge.centres, 1)
        for cell in centre.cells
    ]
    write_private(folder / "dispatcher.list", "".join(lines))


def _keepalived(edge: EdgeSettings, own: str) -> str:
    peer = next(each for each in edge.addresses if each != own)
    return _rendered(
        "keepalived.conf",
        own=own,
        peer=peer,
        floating=edge.floating,
        interface=edge.interface,
        router=edge.router,
        run=edge.run,
        priority=100 - edge.addresses.index(own),
    )


def _quoted(text: str) -> str:
    """A text as Kamailio reads it."""
    return json.dumps(text, ensure_ascii=False)

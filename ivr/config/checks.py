"""Settings that are well each by itself and cannot be together, or cannot be on any machine."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath

from ivr.config.faults import Fault
from ivr.config.settings import (
    BROWSERS,
    EDGE,
    GUESTS,
    EdgeSettings,
    Settings,
    SettingsError,
    Trunk,
)

_NUMERIC = re.compile(r"[0-9./]+|.*:.*")
"""Of digits and dots, or with a colon: meant as an address, and no name."""
_NAME = re.compile(r"(?=.{1,253}\Z)[0-9A-Za-z_]([0-9A-Za-z_-]*[0-9A-Za-z])?(\.[0-9A-Za-z_-]+)*\.?")
_URL = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://", re.IGNORECASE)


def clashes(settings: Settings) -> list[Fault]:
    """Everything that only shows when settings are seen side by side."""
    return [fault for check in CHECKS for fault in check(settings)]


def _ports(settings: Settings) -> Iterator[Fault]:
    """Each port has one use."""
    ports: list[tuple[tuple[str, ...], int]] = [
        (("sip_port",), settings.sip_port),
        (("http_port",), settings.http_port),
        (("preview_port",), settings.preview_port),
        (("console", "port"), settings.console.port),
    ]
    if settings.ari_url is None:
        ports.append((("ari_port",), settings.ari_port))
    if settings.tls is not None:
        ports.append((("tls", "port"), settings.tls.port))
    uses = defaultdict(list)
    for where, port in ports:
        uses[port].append(where)
    for port, places in uses.items():
        for where in places[1:]:
            first = ".".join(places[0])
            yield Fault(
                where, f"端口 {port} 已经给了 {first}", f"port {port} is given to {first} already"
            )


def _speech_ports(settings: Settings) -> Iterator[Fault]:
    """Asterisk begins a pair at an even port; SIP comes in by UDP too."""
    first, last = settings.rtp_first_port, settings.rtp_last_port
    if last <= first:
        yield Fault(
            ("rtp_last_port",),
            f"要大于 rtp_first_port（{first}）",
            f"must be above rtp_first_port ({first})",
        )
    elif first <= settings.sip_port <= last:
        yield Fault(
            ("sip_port",),
            f"落在语音端口 {first}-{last} 之内",
            f"lies within the ports of speech, {first}-{last}",
        )


def _addresses(settings: Settings) -> Iterator[Fault]:
    hosts: tuple[tuple[tuple[str, ...], str], ...] = (
        (("host",), settings.host),
        (("sip_host",), settings.sip_host),
        (("console", "address"), settings.console.address),
    )
    for where, host in hosts:
        if not _is_host(host):
            yield Fault(where, "不是地址，也不是主机名", "is neither an address nor a host name")
    if settings.ari_url is not None and not settings.ari_url.startswith(("http://", "https://")):
        yield Fault(("ari_url",), "要以 http:// 开头", "must begin with http://")
    proxy = settings.speech.edge_proxy
    if proxy is not None and "://" not in proxy:
        yield Fault(("speech", "edge_proxy"), "要写成 http://主机:端口", "must be http://host:port")


def _is_host(text: str) -> bool:
    if not _NUMERIC.fullmatch(text):
        return _NAME.fullmatch(text) is not None
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _trunks(settings: Settings) -> Iterator[Fault]:
    """A call comes from one carrier only, whose name is one carrier's."""
    names: set[str] = set()
    known: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] = []
    hosts: dict[str, str] = {}
    for number, trunk in enumerate(settings.trunks):
        here = ("trunks", str(number))
        if trunk.name in names:
            yield _twice((*here, "name"), trunk.name)
        names.add(trunk.name)
        for host in trunk.hosts:
            network = _network(host)
            if network is None and (_NUMERIC.fullmatch(host) or not _NAME.fullmatch(host)):
                yield Fault(
                    (*here, "hosts"),
                    f"{host} 不是地址、网段或主机名",
                    f"{host} is no address, network or host name",
                )
            others = [name for other, name in known if _overlap(network, other)]
            if hosts.get(host.lower(), trunk.name) != trunk.name:
                others.append(hosts[host.lower()])
            if others and others[0] != trunk.name:
                yield Fault(
                    (*here, "hosts"),
                    f"{host} 已属于中继 {others[0]}",
                    f"{host} belongs to trunk {others[0]} already",
                )
            hosts[host.lower()] = trunk.name
            if network is not None:
                known.append((network, trunk.name))


def _network(host: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None


def _overlap(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network | None,
    other: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.overlaps(other)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return one.overlaps(other)
    return False


def _phones(settings: Settings) -> Iterator[Fault]:
    """Asterisk would take one of two phones of one number, and nobody knows which."""
    seen: set[str] = {GUESTS, BROWSERS, EDGE}
    for number, phone in enumerate(settings.agents.phones):
        if phone.extension.lower() in seen:
            yield _twice(("agents", "phones", str(number), "extension"), phone.extension)
        seen.add(phone.extension.lower())


def _twice(where: tuple[str, ...], value: str) -> Fault:
    return Fault(where, f"{value} 用了两次", f"{value} is used twice")


def _answering(settings: Settings) -> Iterator[Fault]:
    first, second = settings.agents.answer_within_seconds
    if second < first:
        yield Fault(
            ("agents", "answer_within_seconds"),
            "第二个时限要大于第一个",
            "the second limit must be above the first",
        )


def _certificates(settings: Settings) -> Iterator[Fault]:
    """What Asterisk would only say in its log, and take no encrypted call; and the pages' own."""
    if settings.tls is not None:
        yield from _pair("tls", settings.tls.certificate, settings.tls.key)
    certificate, key = settings.console.certificate, settings.console.key
    if certificate and key:
        yield from _pair("console", certificate, key)
    elif certificate or key:
        yield Fault(
            ("console", "certificate" if key else "key"),
            "证书和私钥要一起写",
            "certificate and key go together",
        )


def _pair(table: str, certificate: Path, key: Path) -> Iterator[Fault]:
    """A certificate and its key, as a server can use them."""
    unreadable = False
    for name, path in (("certificate", certificate), ("key", key)):
        try:
            path.read_bytes()
        except OSError as refused:
            unreadable = True
            yield Fault(
                (table, name),
                f"{path} 读不了：{refused.strerror}",
                f"{path} cannot be read: {refused.strerror}",
            )
    if unreadable:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError):
        yield Fault(
            (table, "certificate"),
            "证书和私钥不是一对，或不是没有口令的 PEM",
            "certificate and key are no pair, or no PEM without a passphrase",
        )


def _places(settings: Settings) -> Iterator[Fault]:
    if settings.home.exists() and not settings.home.is_dir():
        yield Fault(("home",), f"{settings.home} 不是文件夹", f"{settings.home} is no folder")
    folder = settings.recordings.folder
    if folder is not None and PureWindowsPath(folder).drive:
        yield Fault(
            ("recordings", "folder"),
            "这是 Windows 的路径；热线在 Linux 上运行，写成 /srv/voice/prop 这样",
            "this is a path of Windows; the line runs on Linux: write it like /srv/voice/prop",
        )


def _accounts(settings: Settings) -> Iterator[Fault]:
    """A query that does not ask for one person would tell everybody the same balance."""
    url = settings.accounts.url
    if url is not None and not _URL.match(url.get_secret_value()):
        yield Fault(
            ("accounts", "url"),
            "要写成 驱动://用户:口令@主机/库",
            "must be driver://user:password@host/name",
        )
    queries = ["fund_query", "loan_query", *(["password_query"] * settings.accounts.password)]
    for name in queries:
        if not re.search(r"(?<!:):id1[58]\b", str(getattr(settings.accounts, name))):
            yield Fault(
                ("accounts", name),
                "没有用到 :id18，会对每个人说同一个账户",
                "does not use :id18, so that everybody would hear the same account",
            )


def _facts(settings: Settings) -> Iterator[Fault]:
    target = settings.facts.target
    if target is not None and not target.startswith("ducklake:"):
        yield Fault(
            ("facts", "target"),
            "要以 ducklake: 开头，如 ducklake:postgres:dbname=…",
            "must begin with ducklake:, such as ducklake:postgres:dbname=…",
        )


def _dialling(settings: Settings) -> Iterator[Fault]:
    """Calls go out by a trunk that is there, to a server that can be named."""
    name = settings.dialling.trunk
    if name is None:
        return
    if name not in {trunk.name for trunk in settings.trunks}:
        yield Fault(
            ("dialling", "trunk"), f"没有叫 {name} 的中继", f"there is no trunk named {name}"
        )
    elif settings.dialling_server is None:
        yield Fault(
            ("dialling", "server"),
            "中继写的是网段，另写运营商接电话的地址",
            "the trunk has a network: write where the carrier takes calls",
        )


def _edge(settings: Settings) -> Iterator[Fault]:
    """Who the edges are, and what each number, trunk and phone belongs to."""
    edge = settings.edge
    if edge is None:
        return
    yield from _edge_addresses(edge)
    yield from _edge_names(edge)
    yield from _edge_trunks(edge, settings.trunks)
    if edge.certificate and edge.key:
        yield from _pair("edge", edge.certificate, edge.key)
    elif edge.certificate or edge.key:
        yield Fault(
            ("edge", "certificate" if edge.key else "key"),
            "证书和私钥要一起写",
            "certificate and key go together",
        )
    if edge.websocket_port is not None and edge.secret is None:
        yield Fault(
            ("edge", "secret"),
            "浏览器电话经边缘时必须填写，边缘和每个单元写同一个",
            "browsers come through the edge: set it, the same on edge and cells",
        )


def _edge_addresses(edge: EdgeSettings) -> Iterator[Fault]:
    """Each address is one machine's, and two edges have one in common that moves."""
    places: list[tuple[str, str]] = [("addresses", address) for address in edge.addresses]
    if edge.floating is not None:
        places.append(("floating", edge.floating))
    seen: set[str] = set()
    for place, address in places:
        if not _is_host(address):
            yield Fault(("edge", place), f"{address} 不是地址", f"{address} is no address")
        if address in seen:
            yield _twice(("edge", place), address)
        seen.add(address)
    if len(edge.addresses) == 2 and edge.floating is None:
        yield Fault(
            ("edge", "floating"),
            "两台边缘要有一个浮动地址，运营商和话机只认它",
            "two edges need a floating address, which carriers and phones know",
        )
    cells: set[str] = set()
    for cell in edge.cells:
        port = int(cell.address.partition(":")[2] or 1)
        if not _is_host(cell.host) or not 1 <= port <= 65535:
            text = cell.address
            yield Fault(("edge", "centres"), f"{text} 不是地址", f"{text} is no address")
        if cell.host in seen and cell.uri.endswith(f":{edge.port}"):
            yield Fault(
                ("edge", "centres"),
                f"单元 {cell.name} 的地址 {cell.address} 是边缘自己的",
                f"cell {cell.name} has the edge's own address {cell.address}",
            )
        if cell.uri in cells:
            yield _twice(("edge", "centres"), cell.address)
        cells.add(cell.uri)


def _edge_names(edge: EdgeSettings) -> Iterator[Fault]:
    """What a call is told by leads to one centre and no other."""
    centres = edge.centres
    kinds = (
        [centre.name for centre in centres],
        [cell.name for cell in edge.cells],
        [number for centre in centres for number in centre.numbers],
        [trunk for centre in centres for trunk in centre.trunks],
        [phone.extension.lower() for centre in centres for phone in centre.phones],
    )
    for names in kinds:
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield _twice(("edge", "centres"), name)
    if len(centres) < 2:
        return
    for centre in centres:
        if not centre.numbers and not centre.trunks:
            yield Fault(
                ("edge", "centres"),
                f"{centre.name} 要写 numbers 或 trunks，否则没有来电到那里",
                f"{centre.name} needs numbers or trunks, or no call goes there",
            )


def _edge_trunks(edge: EdgeSettings, trunks: tuple[Trunk, ...]) -> Iterator[Fault]:
    """The edge knows carriers by their addresses."""
    known = {trunk.name for trunk in trunks}
    for centre in edge.centres:
        for name in centre.trunks:
            if name not in known:
                yield Fault(
                    ("edge", "centres"),
                    f"{centre.name}：没有叫 {name} 的中继",
                    f"{centre.name}: there is no trunk named {name}",
                )
    ours = {*edge.known, *(cell.host for cell in edge.cells)}
    for number, trunk in enumerate(trunks):
        if trunk.registration is not None:
            yield Fault(
                ("trunks", str(number), "registration"),
                "要注册的中继不能经边缘：请运营商按地址认我们",
                "the edge registers nowhere: have the carrier know us by our address",
            )
        for host in trunk.hosts:
            network = _network(host)
            inside = [
                each
                for each in sorted(ours)
                if network is not None and _is_host(each) and ipaddress.ip_address(each) in network
            ]
            if inside:
                yield Fault(
                    ("trunks", str(number), "hosts"),
                    f"{host} 里有边缘或单元自己的地址 {inside[0]}",
                    f"{host} holds the edge's or a cell's own address {inside[0]}",
                )


def _transcripts(settings: Settings) -> Iterator[Fault]:
    """Models are never fetched: one is there, or nothing is written down."""
    cases = settings.cases
    if cases.transcript == "off":
        return
    if cases.transcript_model is None or not (cases.transcript_model / "model.bin").is_file():
        yield Fault(
            ("cases", "transcript_model"),
            "写上识别模型的文件夹（里面有 model.bin）；不会自动下载",
            "name the folder of a model, with its model.bin: none is fetched",
        )


def _series(settings: Settings) -> Iterator[Fault]:
    try:
        settings.series()
    except SettingsError as unnumbered:
        yield Fault(
            ("node",),
            "末尾要有最多两位的数字，如 node-1；或另设 recordings.series",
            str(unnumbered),
        )


def _state(settings: Settings) -> Iterator[Fault]:
    """A node is found by an address that others can reach."""
    url = settings.state.url
    if url is None:
        return
    if not _URL.match(url.get_secret_value()):
        yield Fault(
            ("state", "url"),
            "要写成 postgresql+psycopg://用户:口令@主机/库",
            "must be postgresql+psycopg://user:password@host/name",
        )
    if settings.sip_address.startswith(("0.0.0.0:", ":::", "[::]:")):
        yield Fault(
            ("state", "address"),
            "写上别的机器找得到本机 SIP 的地址，如 10.0.0.11",
            "needs the address by which other machines reach this one's SIP, such as 10.0.0.11",
        )


def _depot(settings: Settings) -> Iterator[Fault]:
    told = settings.depot
    if told.folder is not None and told.bucket is not None:
        yield Fault(
            ("depot", "bucket"),
            "文件夹和存储桶只能有一个，删去一个",
            "name a folder or a bucket, not both",
        )
    if told.folder is not None and not told.folder.is_absolute():
        yield Fault(
            ("depot", "folder"),
            "写成从 / 开始的路径，每台机器都挂在这里",
            "must be absolute: the place where each machine mounts it",
        )
    if settings.recordings.local_days is not None and not told.is_named:
        yield Fault(
            ("recordings", "local_days"),
            "没有设置 depot：录音只在本机，不能删",
            "needs [depot]: this machine has the only copy",
        )


CHECKS: tuple[Callable[[Settings], Iterator[Fault]], ...] = (
    _ports,
    _speech_ports,
    _addresses,
    _trunks,
    _edge,
    _phones,
    _answering,
    _certificates,
    _places,
    _accounts,
    _facts,
    _state,
    _depot,
    _dialling,
    _transcripts,
    _series,
)

"""What can be set, and what holds where nothing is: the parts of the settings, frozen."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from ivr.hours import AgentHours, Hours, Span

_CHECKOUT = Path(__file__).resolve().parent.parent.parent
_INSTALLED = not (_CHECKOUT / "scripts.zh.toml").exists()
"""Whether this is a wheel in some environment, and no checkout."""
PROJECT = Path(sys.prefix) / "share" / "ivr-12329" if _INSTALLED else _CHECKOUT
"""Where the files lie that ship beside the code, such as the catalog."""
_DATA = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "ivr-12329"
OWN = _DATA if _INSTALLED else _CHECKOUT
"""Where a line without settings writes: an environment may be made anew at any time."""

LINE_NUMBER = "12329"
TRUNK_ENDPOINT = "trunk-"
"""What the name of a trunk's endpoint in Asterisk begins with."""
GUESTS = "anonymous"
"""The endpoint in Asterisk of whoever calls by SIP and is neither trunk nor agent."""
BROWSERS = "browser"
"""The endpoint in Asterisk of all that call from the console's page."""
IN_BROWSER = ".web"
"""What the endpoint of an agent's phone in the browser is called, after the extension."""
EDGE = "edge"
"""The endpoint in Asterisk of all that comes through the edge; whose it is stands in a header."""
PROBES = "probe"
"""The endpoint in Asterisk of the caller of our own (拨测), and the mark of its calls."""

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class SettingsError(Exception):
    """Everything that is wrong with the settings, a line each, in words for the operator."""


def from_here(host: str, port: int) -> str:
    """Where this machine's own programs reach what listens at `host`, which may be any address."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{own}]:{port}" if ":" in own else f"{own}:{port}"


class Part(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountsSettings(Part):
    """Where balances come from. The queries are the centre's own (domain rules, 1.4).

    All take `:id18` and `:id15`; `fund_query` returns columns `paid_to` (YYYY-MM or YYYYMM),
    `monthly_deposit`, `balance`; `loan_query` returns `term_years`, `periods_repaid`, `balance`.
    One row is one account; a NULL balance is 余额为空. `password_query` returns `hash` (Argon2).
    """

    url: SecretStr | None = None
    """A file of SQLite's, or any asyncio driver of SQLAlchemy; None: `accounts.sqlite` at home."""
    fund_query: str = (
        "SELECT paid_to, monthly_deposit, balance FROM fund_account"
        " WHERE id_number = :id18 OR id_number = :id15"
    )
    loan_query: str = (
        "SELECT term_years, periods_repaid, balance FROM loan_account"
        " WHERE id_number = :id18 OR id_number = :id15"
    )
    closed: tuple[str, ...] = ("03", "04", "05")
    """Codes of a closed account (销户), where `fund_query` returns a column `status` (GRZHZT)."""
    password: bool = False
    """Ask for the person's six-digit query password before anything is told."""
    password_query: str = (
        "SELECT hash FROM query_password"  # noqa: S105  a query, and no password
        " WHERE id_number = :id18 OR id_number = :id15"
    )
    query_seconds: Annotated[float, Field(gt=0, le=3)] = 3.0
    """A caller waits no longer, and hears 系统繁忙."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Failures in a row until the database is left alone."""
    rest_seconds: Seconds = 5.0
    """Then nobody waits for it so long; after that one caller's question tries it again."""
    test_id: SecretStr | None = None
    """Somebody's number that `ivr doctor` asks for, to read a real row."""
    most_fall: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the accounts that an import may lack; where more are gone it is refused once."""


class Patience(Part):
    """How long the line waits for a caller, in seconds, and how often it asks again."""

    answer_pause_ms: Annotated[int, Field(ge=0, le=3000)] = 300
    """Between picking up and the first word: some trunks open late and would clip it."""
    first_key_seconds: Seconds = 8.0
    """After the sentence of a menu."""
    first_digit_seconds: Seconds = 15.0
    """After the question for an ID number or a password: many have to look for it first."""
    inter_key_seconds: Seconds = 6.0
    """Within a number (domain rules, 3.3)."""
    swallow_seconds: Seconds = 2.0
    """A `#` this soon after the 18th digit is swallowed (domain rules, 3.3)."""
    failures: Annotated[int, Field(ge=1, le=9)] = 3
    """Silences and wrong keys in a row before the line gives up on the question."""
    call_seconds: Seconds = 3600.0
    """After so long the line says goodbye; a conversation with an agent has no limit."""


Skill = Literal["account", "loan", "information", "complaint"]
"""What callers may want to talk about, by the key of the main menu that they came from."""


class Agent(Part):
    """One agent's phone: `extension` is its SIP user name here, and its address of record."""

    name: str
    extension: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{2,20}$")]
    password: SecretStr | None = None
    """None: made at first start and kept under the home folder, mode 0600."""
    skills: tuple[Skill, ...] = ()
    """What callers this agent is for; none: all."""
    user: str | None = None
    """Of the console; None: the user who has the agent's name, or the extension as a name."""

    def knows(self, skill: Skill | None) -> bool:
        """Whether a caller who wants to talk about that may be given to this agent."""
        return skill is None or not self.skills or skill in self.skills

    @property
    def browser(self) -> str:
        """The endpoint in Asterisk of their phone in the browser."""
        return f"{self.extension}{IN_BROWSER}"

    @property
    def users(self) -> frozenset[str]:
        """Under which names of the console this agent works."""
        return frozenset({self.name, self.extension} if self.user is None else {self.user})


class AgentsSettings(Part):
    """Who answers key 0, and how they are tried (seed, section 七)."""

    phones: tuple[Agent, ...] = (
        Agent(name="一号坐席", extension="6001"),
        Agent(name="二号坐席", extension="6002"),
    )
    strategy: Literal["in_order", "all_at_once", "longest_idle"] = "in_order"
    ring_seconds: Seconds = 30.0
    """How long a caller waits for somebody to answer, in all."""
    next_after_seconds: Seconds = 15.0
    """How long one phone rings before the next is tried, where there is a next."""
    unanswered_calls: Annotated[int, Field(ge=0, le=99)] = 2
    """After so many in a row that rang for nothing an agent is away (离开); 0: never."""
    passed_over_seconds: Seconds = 300.0
    """Where nobody signs in: then the phone rings again, and one more such call is too many."""
    sign_in: bool = False
    """Whether agents sign in and out; else each registered phone is on duty within hours."""
    after_call_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """整理: so long after a conversation no caller is given to the agent; 0: none."""
    notes_required: bool = False
    """整理 does not end before the agent has written subject and note (小结) on the page 坐席."""
    notes_longest_seconds: Seconds = 600.0
    """Who has not written after so long is 示忙, and is told why."""
    subjects: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=20)], ...],
        Field(min_length=1, max_length=40),
    ] = (
        "余额和明细", "缴存", "提取", "贷款申请", "还款", "转移接续", "网上办事和密码",
        "网点和政策咨询", "投诉和建议", "其他",
    )  # fmt: skip
    """What a call may be about, for the agent to choose from; figures are counted by it."""
    not_ready_reasons: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=10)], ...],
        Field(min_length=1, max_length=9),
    ] = ("休息", "会议", "培训")
    """示忙: why somebody takes no calls."""
    desk_code: Annotated[str, Field(pattern=r"^[*#]?[0-9]{1,6}$")] = "*9"
    """What an agent dials on their own phone to sign in or out, or not to be rung."""
    hours: AgentHours = AgentHours()
    """When they are there, Beijing time: monday = ["09:00-17:00"], holidays, working_days."""
    answer_within_seconds: tuple[Seconds, Seconds] = (15.0, 20.0)
    """The two limits that reports measure answers by."""
    zero_from_every_menu: bool = True
    """Key 0 asks for an agent anywhere, and not in the main menu only (the seed)."""
    contentment: bool = True
    """Callers are asked how content they are with the agent who served them, once a day."""
    queue: bool = True
    """Who finds all engaged may wait; else the seed's 人工服务忙 is said at once."""
    queue_most: Annotated[int, Field(ge=1, le=500)] = 20
    """So many wait at once; whoever comes then hears 人工服务忙."""
    queue_longest_seconds: Seconds = 1200.0
    """Nobody waits longer in vain."""
    queue_announce_seconds: Annotated[float, Field(ge=2)] = 45.0
    """Between what is said of the place, music."""
    queue_first_age: Annotated[int, Field(ge=0, le=150)] = 65
    """Callers of that age, by the ID number that they keyed, come before others; 0: nobody."""

    def phone(self, extension: str | None) -> Agent | None:
        """Whose phone this is; None: nobody's."""
        return next((each for each in self.phones if each.extension == extension), None)


SIP_PORT = 5060
"""Where SIP is spoken when nothing else is said (RFC 3261, 19.1.2)."""
Host = Annotated[str, Field(pattern=r"^[0-9A-Za-z.:/_-]+$")]


class Registration(Part):
    """An account with a carrier who wants to be told where the line is, with a password."""

    server: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]+(:[0-9]{1,5})?$")]
    """Host name or address of the registrar, with its port where that is not 5060."""
    user: Annotated[str, Field(pattern=r"^[0-9A-Za-z+._-]{1,64}$")]
    password: SecretStr
    expiry_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """How long a registration is to last; the carrier may shorten it."""

    @field_validator("password")
    @classmethod
    def _one_line(cls, password: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[^\r\n]+", password.get_secret_value()):
            raise ValueError("must be one line that is not empty")
        return password

    @property
    def domain(self) -> str:
        """The server without its port: whose customer the account is."""
        return self.server.partition(":")[0]


class Trunk(Part):
    """One carrier's line into the hotline, known by the addresses that it calls from."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,20}$")]
    hosts: tuple[Host, ...] = ()
    """Host names, addresses or networks (192.0.2.0/24); a registrar's need not be repeated."""
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...] = ()
    """As the carrier dials us, besides 12329 itself."""
    any_number: bool = False
    """Whatever the carrier dials is meant for the line."""
    registration: Registration | None = None
    """Only where the carrier wants it."""
    dtmf: Literal["auto", "rfc4733", "info", "inband"] = "auto"
    """How keys come: as RTP events or, where none are offered, as tones (auto); one way only."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if not self.known_hosts():
            raise ValueError("needs hosts, or a registration with the carrier's server")
        return self

    @property
    def endpoint(self) -> str:
        """As Asterisk knows it."""
        return f"{TRUNK_ENDPOINT}{self.name}"

    def dialled(self) -> tuple[str, ...]:
        """By which it calls us; one that we register with may dial the account's name."""
        account = () if self.registration is None else (self.registration.user,)
        return (*self.numbers, *account)

    def equipment(self) -> tuple[tuple[str, int], ...]:
        """Where the carrier should answer OPTIONS: its registrar, else its hosts.

        Networks are not searched, and by IPv6 nobody is asked.
        """
        if self.registration is not None:
            host, _, port = self.registration.server.partition(":")
            return ((host, int(port or SIP_PORT)),)
        return tuple((host, SIP_PORT) for host in self.hosts if not {"/", ":"} & {*host})

    def known_hosts(self) -> tuple[str, ...]:
        """Whose calls are this carrier's."""
        registrar = () if self.registration is None else (self.registration.domain,)
        return tuple(dict.fromkeys((*self.hosts, *registrar)))


Address = Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$")]


class EdgeCell(Part):
    """One cell (Asterisk and its service) of a centre, as the edge reaches it."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,30}$")]
    address: Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]{1,5})?$")]
    """Of its SIP, with the port where that is not 5060."""
    calls: Count = 100
    """At once. A larger machine gets more when the smaller ones have theirs."""

    @property
    def host(self) -> str:
        """Its address without the port."""
        return self.address.partition(":")[0]

    @property
    def uri(self) -> str:
        """As the edge calls it."""
        return f"sip:{self.host}:{self.address.partition(':')[2] or SIP_PORT}"


class EdgePhone(Part):
    """The phone of an agent who registers at the edge."""

    extension: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{2,20}$")]
    password: SecretStr


class Centre(Part):
    """Whose calls go to which cells."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,30}$")]
    cells: Annotated[tuple[EdgeCell, ...], Field(min_length=1)]
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...] = ()
    """That callers dial; they come before the trunk."""
    trunks: tuple[str, ...] = ()
    """Names of trunks whose calls are this centre's, whatever they dial."""
    phones: tuple[EdgePhone, ...] = ()
    """Of its agents."""


class EdgeSettings(Part):
    """One or two Kamailio before the cells; with this table a line knows that it stands behind."""

    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=2)]
    """Of the edges themselves."""
    floating: Address | None = None
    """That carriers and phones know, and the living one of two edges has (keepalived)."""
    interface: Annotated[str, Field(pattern=r"^[0-9A-Za-z.@_-]{1,15}$")] = "eth0"
    """Of the edges' machines, for the floating address."""
    router: Annotated[int, Field(ge=1, le=255)] = 51
    """VRRP's number of this pair; another pair on the same network has another."""
    port: Port = SIP_PORT
    run: str = "/run/kamailio"
    """Where Kamailio has its control sockets."""
    centres: tuple[Centre, ...] = ()
    calls_per_second: Count = 50
    """New calls of all carriers together, and of each stranger's address."""
    stranger_requests: Annotated[int, Field(ge=10, le=10_000)] = 60
    """Of an address that is no carrier's and no cell's, in two seconds; more are passed over."""
    websocket_port: Port | None = None
    """For browsers that are telephones; None: none come through the edge."""
    certificate: Path | None = None
    """PEM, with `key`: then browsers come by wss."""
    key: Path | None = None
    secret: SecretStr | None = None
    """By which cells know what came through the edge's WebSocket; the same on edge and cells."""

    @property
    def called(self) -> str:
        """Where carriers, phones and cells reach the edge."""
        return self.floating or self.addresses[0]

    @property
    def known(self) -> tuple[str, ...]:
        """From where a cell takes the edge's word."""
        return tuple(dict.fromkeys((*self.addresses, self.called)))

    @property
    def cells(self) -> tuple[EdgeCell, ...]:
        """Of all centres."""
        return tuple(cell for centre in self.centres for cell in centre.cells)


class CallersSettings(Part):
    """Who is one caller, and who is none, by what networks tell of them."""

    area_code: Annotated[str, Field(pattern=r"^0[1-9][0-9]{1,2}$")] | None = None
    """The city's own, such as 0571: local numbers come with it or without."""
    nobody: tuple[str, ...] = ()
    """Numbers that a carrier sends when it knows none, besides anonymous, 0000000000 and such."""


class NatSettings(Part):
    """The line stands behind a router that translates addresses."""

    external_address: Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]+$")]
    """The address under which carriers reach us, for SIP and for speech."""
    local_networks: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9.]+/[0-9.]+$")], ...], Field(min_length=1)
    ]
    """Networks (192.168.0.0/16) whose phones reach us directly."""


class LimitsSettings(Part):
    """What keeps balances from being harvested and the line from being flooded."""

    window_seconds: Seconds = 600.0
    ids_per_caller: Count = 5
    """Different ID numbers that one caller may ask about within the window."""
    ids_of_unknown_callers: Count = 60
    """The same, for all callers together for whose number nobody vouches."""
    lock_seconds: Seconds = 3600.0
    """A caller who asked about more has to wait so long."""
    lookups_per_person: Count = 30
    """How often a day one person's accounts are told, whoever asks."""
    lookups_per_minute: Count = 600
    """Of the whole line."""
    wrong_passwords: Count = 3
    """In a row; then the person's accounts are not told by telephone for the rest of the day."""
    wrong_tails: Count = 3
    """Wrong second things for one case's number; then it is not told for the rest of the day."""
    calls: Count = 300
    """At once; beyond them callers hear that the line is full."""
    calls_per_caller: Count = 5
    """At once from one number: a firm's switchboard shows one for all its people."""


class RetentionSettings(Part):
    """How long what is known of calls is kept, in months; `ivr retention run` removes the rest."""

    calls_months: Count = 24
    complaints_months: Count = 36
    """Recordings, and who left them."""


class TlsSettings(Part):
    """Encrypted signalling, and by it encrypted speech: its keys travel in the signalling."""

    certificate: Path
    """PEM, with the chain."""
    key: Path
    """PEM, readable by this user only."""
    port: Port = 5061
    speech: Literal["plain", "offered", "required"] = "offered"
    """SRTP: never, where the other side can, or nothing else."""


class RecordingsSettings(Part):
    """Complaints, suggestions and messages (seed, section 六): where they go, how long they may be.

    The lengths are said to the caller: keep `record_limit` and `record_silence` of the catalog.
    """

    folder: Path | None = None
    """None: `recordings` under the home folder. The seed has D:\\voice\\prop\\."""
    most_seconds: Annotated[int, Field(ge=10, le=3600)] = 300
    silence_seconds: Annotated[int, Field(ge=2, le=60)] = 10
    """A recording ends after so long a silence."""
    keep_free_mb: Annotated[int, Field(ge=1)] = 200
    """With less free on the disk no recording is begun, and the caller is told."""
    talks: bool = False
    """Conversations with agents are recorded too, and callers are told so before."""
    local_days: Annotated[int, Field(ge=1)] | None = None
    """So long one stays here that the depot has, proven again then; None: till its age."""
    pause_seconds: Annotated[float, Field(ge=5, le=3600)] = 120.0
    """A pause that an agent forgets ends so soon, and the conversation is recorded again."""
    series: Annotated[int, Field(ge=0, le=99)] | None = None
    """Two digits of every reference number, another value on each node; None: the node's number."""


class Webhook(Part):
    """A chat group's robot."""

    kind: Literal["dingtalk", "wecom"]
    url: SecretStr
    """With its access token: whoever has it may write to the group."""
    secret: SecretStr | None = None
    """Of a DingTalk robot that wants signed messages (加签)."""


class CaseDays(Part):
    """How many working days each step of one kind of case may take."""

    accept: Count = 1
    """Until 受理, from the recording on."""
    answer: Count = 5
    """Until 答复, from 受理 on."""
    close: Count = 7
    """Until 办结, from 受理 on."""
    follow_up: Count = 5
    """Until 回访, from 办结 on."""


class SuggestionDays(CaseDays):
    """A suggestion is considered by more than one, and nobody is harmed meanwhile."""

    answer: Count = 10
    close: Count = 15


class MessageDays(CaseDays):
    """A message asks to be called back: three working days, as Xiamen promises (rules, 7.4)."""

    answer: Count = 3
    close: Count = 5


class CaseHandler(Part):
    """One of the centre's people who answers cases, and how news of them reaches them."""

    name: str
    """As they sign in."""
    mail: str | None = None
    webhooks: tuple[Webhook, ...] = ()


class CasesSettings(Part):
    """What becomes of what callers bring (工单): where it is kept, how long each step may take.

    The days are a beginning: each centre sets what it has promised (docs/settings.md).
    """

    database: SecretStr | None = None
    """`postgresql+psycopg://…`; None: that of `[state]`, or `cases.sqlite` under the home folder
    where there is one machine only."""
    by_telephone: bool = True
    """Key 6, then 3: whoever knows a case's number and a second thing hears where it stands."""
    complaint: CaseDays = CaseDays()
    suggestion: SuggestionDays = SuggestionDays()
    message: MessageDays = MessageDays()
    vote: CaseDays = CaseDays()
    contact: CaseDays = CaseDays()
    from_votes: bool = False
    """A vote of 不满意 or 非常不满意 in the survey opens a case, one a day for each voter."""
    transcript: Literal["off", "whisper"] = "off"
    """What writes down what recordings say, as help and never as evidence; the extra `proof`."""
    transcript_model: Path | None = None
    """Folder of its model, which somebody has put there: nothing is fetched."""
    handlers: tuple[CaseHandler, ...] = ()
    """Who is told of cases that come to them, and of terms that are nearly or wholly over."""
    mail_to: tuple[str, ...] = ()
    """Who is told of what nobody has, or whose handler cannot be told: the 值班长."""
    webhooks: tuple[Webhook, ...] = ()

    def of(self, kind: str) -> CaseDays:
        """Of one kind of case."""
        days: CaseDays = getattr(self, kind)
        return days


DialKind = Literal["mobile", "fixed"]
"""A mobile telephone, or a fixed line with its area code."""


class DiallingSettings(Part):
    """Calls that the line makes itself, to numbers that callers left and to no others."""

    trunk: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,20}$")] | None = None
    """Name of the trunk by which they go out; None: the line calls nobody."""
    server: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]+(:[0-9]{1,5})?$")] | None = None
    """Where that carrier takes calls; None: its registrar, else the first of its hosts."""
    shown: Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")] = LINE_NUMBER
    """By which number the called see us; carriers let through their customers' own only."""
    kinds: tuple[DialKind, ...] = ("mobile", "fixed")
    hours: Hours = (Span(9 * 60, 12 * 60), Span(13 * 60 + 30, 18 * 60))
    """On days when agents are there (`agents.hours`)."""
    calls_per_day: Count = 50
    calls_per_number: Count = 3
    """A day."""
    agent_seconds: Seconds = 20.0
    """How long the agent's phone rings."""
    number_seconds: Seconds = 40.0
    """How long the called one rings."""
    callbacks: bool = True
    """Who waits for an agent may ask to be called back, where the line may dial out at all."""
    callback_tries: Annotated[int, Field(ge=1, le=10)] = 3
    """So often is who wants to be called back called in vain; then it is given up."""
    callback_again_minutes: Annotated[tuple[Count, ...], Field(min_length=1)] = (20, 120)
    """After the first try in vain, the second, …; the last one is for all further ones."""
    callback_days: Count = 5
    """An older wish is not fulfilled any more."""
    follow_up: Literal["asked", "all"] = "asked"
    """Which callers the line itself calls when their case is closed: those of whom somebody asks
    it on the case's page (电话回访), or all but who wished not to be called."""
    follow_up_tries: Count = 3
    follow_up_again_minutes: Annotated[tuple[Count, ...], Field(min_length=1)] = (120, 1080)
    """After the first try in vain, after the second and each that follows."""


class AnswerTemplate(Part):
    """A beginning of an answer, which whoever answers completes."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class AnswersSettings(Part):
    """What is answered again and again."""

    templates: tuple[AnswerTemplate, ...] = ()


class FactsSettings(Part):
    """Where session facts go, and where analysts' commands find them."""

    target: str | None = None
    """`ducklake:postgres:dbname=… host=…` for many machines; None: files under `home`."""
    data: Path | None = None
    """The lake's folder of Parquet, on storage that all machines share."""


class StateSettings(Part):
    """What several machines that serve one line must agree on; absent: one machine, by itself."""

    url: SecretStr | None = None
    """`postgresql+psycopg://…`, the same on every machine; None: nothing is shared."""
    address: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:_\[\]-]+$")] | None = None
    """Where the edge sends this node's calls, host or host:port; None: `sip_host`, `sip_port`."""


class BucketSettings(Part):
    """A bucket of any service that speaks S3."""

    name: Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z.-]{1,61}[0-9a-z]$")]
    key: str
    """Its access key ID."""
    secret: SecretStr
    endpoint: Annotated[str, Field(pattern=r"^https?://[^/]+$")] | None = None
    """`https://host`; None: Amazon's own, by `region`."""
    region: str = "us-east-1"
    in_path: bool = True
    """Whether the bucket's name stands in the path; else `endpoint` begins with it."""
    prefix: Annotated[str, Field(pattern=r"^[0-9A-Za-z_./-]*$")] = ""
    """Before all names, where several lines share the bucket."""


class DepotSettings(Part):
    """Where all machines of a line find the same files: prompt sets, and filed recordings."""

    folder: Path | None = None
    """Mounted at the same place on each machine, such as NFS."""
    bucket: BucketSettings | None = None

    @property
    def is_named(self) -> bool:
        """Whether there is one."""
        return self.folder is not None or self.bucket is not None


class SpeechSettings(Part):
    """Who speaks, how fast, and in which codings the trunks want it."""

    voice: Literal["auto", "edge", "kokoro"] = "auto"
    """auto: the voice of the published set; at first edge-tts if it answers, else Kokoro."""
    edge_voice: str = "zh-CN-XiaoxiaoNeural"
    edge_proxy: str | None = None
    pace: Annotated[float, Field(ge=0.7, le=1.3)] = 1.0
    """1.0: sentences at about 250 syllables a minute, numbers at about 190."""
    formats: Annotated[
        tuple[Literal["alaw", "ulaw", "g722", "sln16"], ...], Field(min_length=1)
    ] = ("alaw", "ulaw")
    """Codings of the trunks, so that Asterisk never transcodes; the first is the reference."""
    one: Literal["幺", "一"] = "幺"
    """How a 1 is said in telephone, account and ID numbers."""


class PhoneSettings(Part):
    """The browser phone: anybody whom its page admits calls the line with a click."""

    calls: Annotated[int, Field(ge=0, le=50)] = 10
    """At once; 0: no page, and Asterisk answers no browser. Each is one of ARI's 100 sessions."""
    open_to: Literal["this_machine", "everybody", "nobody"] = "this_machine"
    """Who needs no sign-in: browsers of this machine, whoever reaches the page, or nobody."""
    agents: bool = True
    """Whether agents may answer callers in the page 坐席, in place of a telephone of their own."""


class ConsoleSettings(Part):
    """The pages of the centre's people (`ivr console`); callers never notice them."""

    address: str = "127.0.0.1"
    port: Port = 8331
    names: tuple[str, ...] = ()
    """Host names by which browsers reach it, besides addresses, localhost and this machine's."""
    certificate: Path | None = None
    """PEM, with those of the authorities between; with `key` the pages are served by https."""
    key: Path | None = None
    idle_minutes: Annotated[float, Field(gt=0, le=720)] = 30.0
    """Whoever does nothing for so long signs in again."""
    second_factor: Literal["nobody", "administrators", "everybody"] = "nobody"
    """Who must have an authenticator (TOTP) besides the password; others may."""
    second_person: bool = True
    """Whether changed words need somebody else's approval before callers hear them."""
    phone: PhoneSettings = PhoneSettings()

    @property
    def url(self) -> str:
        """Where this machine's own browser finds it."""
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{from_here(self.address, self.port)}/"


class ProbeSettings(Part):
    """拨测: a caller of our own who tries the line, and by which way it calls.

    It asks for `accounts.test_id`; without one for a number that nobody has.
    """

    every_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
    """How often under `ivr run`; 0: never. The system service has a timer, once a minute."""
    patience_seconds: Seconds = 10.0
    """So long a sentence may take to begin, from picking up or from the last key."""
    server: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]+(:[0-9]{1,5})?$")] | None = None
    """A carrier's, for a call from outside; None: straight to the line's own Asterisk."""
    number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")] = LINE_NUMBER
    """What it dials there."""
    user: Annotated[str, Field(pattern=r"^[0-9A-Za-z+._-]{1,64}$")] | None = None
    """The account with that carrier."""
    password: SecretStr | None = None
    caller: Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")] | None = None
    """By which number a trunk brings the call from outside, exactly: it is no caller's."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of `server`."""
        if self.server is None:
            return None
        host, _, port = self.server.partition(":")
        return host, int(port or SIP_PORT)

    @model_validator(mode="after")
    def _is_known_again(self) -> Self:
        if self.server is not None and (self.caller is None or self.user is None):
            raise ValueError("a call from outside needs user, and caller to be known again by")
        return self


class MailSettings(Part):
    """The centre's SMTP server, by which alarms and reports are mailed."""

    server: str | None = None
    port: Port = 465
    security: Literal["tls", "starttls", "none"] = "tls"
    user: str | None = None
    password: SecretStr | None = None
    sender: str = "ivr-12329@localhost"


class ReportsSettings(Part):
    """Where reports at set times (定时报表) may go: nowhere else, whoever asks for them."""

    folder: Path | None = None
    """None: `reports` under the home folder; each schedule names a folder in it."""
    domains: tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]+$")], ...] = ()
    """Of the addresses that may get them, besides that of `mail.sender`."""


class AlarmsSettings(Part):
    """Who is told when the line is not well (`ivr watch`)."""

    mail_to: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    repeat_hours: Annotated[float, Field(gt=0)] = 4.0
    """What goes on and nobody has acknowledged is told again."""
    port: Port | None = None
    """Where `ivr watch` serves /metrics, on `host`; None: three above `http_port` (8332)."""


class Settings(Part):
    """All of it. Paths that are None lie under `home`."""

    home: Path = OWN / "var"
    catalog: Path = PROJECT / "scripts.zh.toml"
    lexicon: Path = PROJECT / "lexicon.zh.toml"
    """How the words of the trade are said; a city's own lie over it (`home/lexicon.zh.toml`)."""
    words: Path | None = None
    """The city's own words, laid over the catalog; None: `words.zh.toml` under the home folder."""
    audio: Path = OWN / "generated_audio"
    node: str = "node-1"
    host: str = "127.0.0.1"
    """Where health and metrics are served."""
    sip_host: str = "0.0.0.0"  # noqa: S104  a telephone line is there to be reached
    sip_port: Port = 5060
    ari_port: Port = 8088
    http_port: Port = 8329
    preview_port: Port = 8330
    """Of the editor's page, `ivr preview`; on loopback only."""
    rtp_first_port: Port = 10000
    rtp_last_port: Port = 19999
    realtime: bool = True
    """Whether Asterisk and the service come before all other programs, where that is allowed."""
    log_json: bool = False
    """Whether the programs log a JSON object a line, for a collector of logs."""
    drain_seconds: Annotated[float, Field(ge=0)] = 10.0
    """How long calls in progress may take to end when the service is told to stop (SIGTERM)."""
    ari_app: str = "hotline"
    ari_user: str = "hotline"
    ari_url: str | None = None
    """Of an Asterisk elsewhere; None: `http://127.0.0.1:{ari_port}/ari`."""
    ari_password: SecretStr | None = None
    """None: read from `home/asterisk/ari.secret`, made at installation, mode 0600."""
    verify_check_digit: bool = True
    """Refuse an ID whose check digit is wrong before asking the database (rules 1.5)."""
    accounts: AccountsSettings = AccountsSettings()
    patience: Patience = Patience()
    agents: AgentsSettings = AgentsSettings()
    trunks: tuple[Trunk, ...] = ()
    edge: EdgeSettings | None = None
    """None: carriers call this line itself."""
    nat: NatSettings | None = None
    """None: carriers reach the line under its own address."""
    callers: CallersSettings = CallersSettings()
    guests: bool = True
    """Whether anybody on the network may call in by SIP, and reach the hotline only."""
    retention: RetentionSettings = RetentionSettings()
    tls: TlsSettings | None = None
    """SIP over TLS besides UDP and TCP, and SRTP; None: neither."""
    limits: LimitsSettings = LimitsSettings()
    speech: SpeechSettings = SpeechSettings()
    recordings: RecordingsSettings = RecordingsSettings()
    cases: CasesSettings = CasesSettings()
    dialling: DiallingSettings = DiallingSettings()
    answers: AnswersSettings = AnswersSettings()
    console: ConsoleSettings = ConsoleSettings()
    facts: FactsSettings = FactsSettings()
    state: StateSettings = StateSettings()
    depot: DepotSettings = DepotSettings()
    probe: ProbeSettings = ProbeSettings()
    mail: MailSettings = MailSettings()
    reports: ReportsSettings = ReportsSettings()
    alarms: AlarmsSettings = AlarmsSettings()
    _starting: Settings | None = PrivateAttr(default=None)

    @property
    def alarms_port(self) -> int:
        """Where the alarms' program serves its figures."""
        return self.alarms.port or self.http_port + 3

    @property
    def starting(self) -> Settings:
        """As the machine has them, without what administrators have set over them."""
        return self._starting or self

    def with_set(self, **parts: Part) -> Settings:
        """The starting values, and over them these tables."""
        laid = self.starting.model_copy(update=parts)
        laid._starting = self.starting
        return laid

    @property
    def lexicons(self) -> tuple[Path, ...]:
        """The shipped lexicon, and the city's own over it where there is one."""
        own = self.home / self.lexicon.name
        return (self.lexicon, own) if own.is_file() else (self.lexicon,)

    @property
    def ari_base(self) -> str:
        """The root of ARI's paths, without a trailing slash."""
        return self.ari_url or f"http://127.0.0.1:{self.ari_port}/ari"

    @property
    def words_file(self) -> Path:
        """Where the city's variables, changed sentences and branches stand; often not there."""
        return self.words or self.home / "words.zh.toml"

    @property
    def recordings_folder(self) -> Path:
        """Where complaints, suggestions and messages are kept."""
        return self.recordings.folder or self.home / "recordings"

    @property
    def reports_folder(self) -> Path:
        """Where reports at set times are laid down."""
        return self.reports.folder or self.home / "reports"

    @property
    def cases_url(self) -> str:
        """Where cases are kept, for SQLAlchemy."""
        url = self.cases.database or self.state.url
        return f"sqlite:///{self.home / 'cases.sqlite'}" if url is None else url.get_secret_value()

    def series(self) -> int:
        """What tells this node's reference numbers from those of other nodes, 0 to 99."""
        if self.recordings.series is not None:
            return self.recordings.series
        number = re.search(r"(?<!\d)\d{1,2}$", self.node)
        if number is None:
            raise SettingsError(
                f"node {self.node!r} ends in no number of at most two digits: name it like node-1,"
                " or set IVR_RECORDINGS__SERIES (0 to 99, another one on each node)"
            )
        return int(number[0])

    @property
    def shares(self) -> bool:
        """Whether other machines serve the same line, and state is shared with them."""
        return self.state.url is not None

    @property
    def sip_address(self) -> str:
        """Where the edge reaches this node, host:port."""
        told = self.state.address or self.sip_host
        has_port = re.search(r"(?:\]|^[^:]+):\d+$", told) is not None
        return told if has_port else f"{told}:{self.sip_port}"

    @property
    def dialling_server(self) -> str | None:
        """Where the trunk of calls that we make takes them; None where there is none."""
        trunk = next((each for each in self.trunks if each.name == self.dialling.trunk), None)
        if trunk is None:
            return None
        account = trunk.registration
        told = self.dialling.server or (trunk.hosts[0] if account is None else account.server)
        return None if "/" in told else told

    @property
    def ari_secret_file(self) -> Path:
        """Where the installation keeps ARI's password."""
        return self.home / "asterisk" / "ari.secret"

    def ari_secret(self) -> str:
        """ARI's password; raises SettingsError when nobody has made one yet."""
        if self.ari_password is not None:
            return self.ari_password.get_secret_value()
        try:
            return self.ari_secret_file.read_text().strip()
        except FileNotFoundError:
            raise SettingsError(
                f"还没有 ARI 口令：先启动 ivr run · no ARI password: {self.ari_secret_file} is not"
                " there; `ivr run` makes it,"
                " or set IVR_ARI_PASSWORD for an Asterisk of your own"
            ) from None

"""The settings of one line: frozen, read once, and refused whole when anything is wrong.

Order of precedence: environment (`IVR_…`), the settings file (TOML), the defaults below.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ivr.hours import AgentHours

PROJECT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class SettingsError(Exception):
    """Everything that is wrong with the settings, a line each, in words for the operator."""


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
    """Any SQLAlchemy async URL; None: `accounts.sqlite` under the home folder."""
    fund_query: str = (
        "SELECT paid_to, monthly_deposit, balance FROM fund_account"
        " WHERE id_number = :id18 OR id_number = :id15"
    )
    loan_query: str = (
        "SELECT term_years, periods_repaid, balance FROM loan_account"
        " WHERE id_number = :id18 OR id_number = :id15"
    )
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


class Patience(Part):
    """How long the line waits for a caller, in seconds, and how often it asks again."""

    first_key_seconds: Seconds = 8.0
    inter_key_seconds: Seconds = 6.0
    swallow_seconds: Seconds = 2.0
    """A `#` this soon after the 18th digit is swallowed (domain rules, 3.3)."""
    failures: Annotated[int, Field(ge=1, le=9)] = 3
    """Silences and wrong keys in a row before the line gives up on the question."""
    call_seconds: Seconds = 3600.0
    """After so long the line says goodbye; a conversation with an agent has no limit."""


class Agent(Part):
    """One agent's phone: `extension` is its SIP user name here, and its address of record."""

    name: str
    extension: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{2,20}$")]
    password: SecretStr | None = None
    """None: made at first start and kept under the home folder, mode 0600."""


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
    hours: AgentHours = AgentHours()
    """When they are there, Beijing time: monday = ["09:00-17:00"], holidays, working_days."""
    answer_within_seconds: tuple[Seconds, Seconds] = (15.0, 20.0)
    """The two limits that reports measure answers by."""
    zero_from_every_menu: bool = True
    """Key 0 asks for an agent anywhere, and not in the main menu only (the seed)."""


class Trunk(Part):
    """One carrier's line into the hotline, known by the addresses that it calls from."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,20}$")]
    hosts: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z.:/_-]+$")], ...], Field(min_length=1)
    ]
    """Host names, addresses or networks (192.0.2.0/24)."""
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...] = ()
    """As the carrier dials us, besides 12329 itself."""


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
    series: Annotated[int, Field(ge=0, le=99)] | None = None
    """Two digits of every reference number, another value on each node; None: the node's number."""


class FactsSettings(Part):
    """Where session facts go, and where analysts' commands find them."""

    target: str | None = None
    """`ducklake:postgres:dbname=… host=…` for many machines; None: files under `home`."""
    data: Path | None = None
    """The lake's folder of Parquet, on storage that all machines share."""


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


class Settings(BaseSettings):
    """All of it. Paths that are None lie under `home`."""

    model_config = SettingsConfigDict(
        env_prefix="IVR_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    home: Path = PROJECT / "var"
    catalog: Path = PROJECT / "scripts.zh.toml"
    lexicon: Path = PROJECT / "lexicon.zh.toml"
    """How the words of the trade are said; a city's own lie over it (`home/lexicon.zh.toml`)."""
    words: Path | None = None
    """The city's own words, laid over the catalog; None: `words.zh.toml` under the home folder."""
    audio: Path = PROJECT / "generated_audio"
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
    guests: bool = True
    """Whether anybody on the network may call in by SIP, and reach the hotline only."""
    retention: RetentionSettings = RetentionSettings()
    tls: TlsSettings | None = None
    """SIP over TLS besides UDP and TCP, and SRTP; None: neither."""
    limits: LimitsSettings = LimitsSettings()
    speech: SpeechSettings = SpeechSettings()
    recordings: RecordingsSettings = RecordingsSettings()

    facts: FactsSettings = FactsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the settings file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=settings_file())
        return init_settings, env_settings, file

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
                f"no ARI password: {self.ari_secret_file} does not exist; `ivr run` makes it,"
                " or set IVR_ARI_PASSWORD for an Asterisk of your own"
            ) from None


def settings_file() -> Path:
    """The settings file: IVR_SETTINGS, else `settings.toml` under the home folder."""
    home = Path(os.environ.get("IVR_HOME", PROJECT / "var"))
    return Path(os.environ.get("IVR_SETTINGS", home / "settings.toml"))


def load() -> Settings:
    """Read the settings; raises SettingsError that names every fault at once."""
    try:
        return Settings()
    except ValidationError as refused:
        raise SettingsError("\n".join(_faults(refused))) from refused
    except ValueError as unreadable:  # TOML that is no TOML
        raise SettingsError(f"{settings_file()}: {unreadable}") from unreadable


def _faults(refused: ValidationError) -> list[str]:
    """One line per fault: where it stands and what would be right, never the value."""
    return [
        f"setting {'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"
        f" (in {settings_file()}, or as IVR_{'__'.join(str(s) for s in fault['loc']).upper()})"
        for fault in refused.errors(include_input=False, include_url=False)
    ]

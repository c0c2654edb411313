"""The console's users: names, roles, passwords as Argon2id, and who is locked out."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, TypeVar

from console import authenticator
from console.rights import Role
from console.rows import transaction
from ivr.accounts.passwords import hashed, matches
from ivr.config import Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive

T = TypeVar("T")
FILE: Final = "users.sqlite"
"""Below the home folder."""
MOST_FAILURES: Final = 5
LOCK_SECONDS: Final = 15 * 60.0
LEAST_CHARACTERS: Final = 10
MOST_CHARACTERS: Final = 200
_NAME = re.compile(r"[\w.@-]{1,32}")
_EASY_TO_READ = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of one-time passwords: nothing that looks like another."""
TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS user (name TEXT PRIMARY KEY, roles TEXT NOT NULL,"
    " hash TEXT NOT NULL, one_time INTEGER NOT NULL, locked INTEGER NOT NULL DEFAULT 0,"
    " failures INTEGER NOT NULL DEFAULT 0, shut_until REAL NOT NULL DEFAULT 0,"
    " version INTEGER NOT NULL DEFAULT 0, seen REAL);"
    "CREATE TABLE IF NOT EXISTS factor (name TEXT PRIMARY KEY, salt BLOB NOT NULL,"
    " used INTEGER NOT NULL DEFAULT 0, confirmed INTEGER NOT NULL DEFAULT 0)"
)
_COLUMNS = (
    "name, roles, one_time, locked, shut_until, version, seen, EXISTS (SELECT 1 FROM factor"
    " WHERE factor.name = user.name AND confirmed)"
)


class Refused(Exception):
    """What was asked cannot be; says why, and what would do."""


@dataclass(frozen=True, slots=True)
class User:
    """One person who may sign in."""

    name: str
    roles: frozenset[Role]
    one_time: bool
    """The password was given by somebody else and opens nothing but the page that changes it."""
    locked: bool
    """By an administrator, until one unlocks it."""
    shut_until: float
    """After too many failures, in seconds since 1970; in the past for everybody else."""
    version: int
    """Another one after each change; sessions of the one before have ended."""
    seen: float | None
    """When the last session began."""
    second_factor: bool = False
    """Whether figures of an authenticator are asked for besides the password."""


class Line(Protocol):
    """Whose users these are; with several machines what is here is a copy."""

    def change(self, work: Callable[[], T]) -> T:
        """Do it to the users as all machines have them; raises Refused where that cannot be."""

    def count(self, work: Callable[[], T]) -> T:
        """As `change`; where that cannot be, to those that are known here."""


class OneMachine:
    """There is no other (Line)."""

    def change(self, work: Callable[[], T]) -> T:
        """See Line."""
        return work()

    count = change


def users_of(settings: Settings) -> Users:
    """The users of this line; with several machines, of all of them."""
    if not settings.shares:
        return Users(settings.home)
    users: Users = import_module("console.users_together").among_nodes(settings)
    return users


class Users:
    """The users of one line. All methods block: an event loop calls them in a thread."""

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        line: Line | None = None,
    ) -> None:
        self._home = home
        self._line = line or OneMachine()
        self._path = home / FILE
        self._clock = clock

    # --- who there is -------------------------------------------------------------------------

    def all(self) -> list[User]:
        """By name."""
        with self._opened() as rows:
            found = rows.execute(f"SELECT {_COLUMNS} FROM user ORDER BY name")  # noqa: S608
            return [_user(row) for row in found]

    def find(self, name: str) -> User | None:
        """None where nobody has this name."""
        with self._opened() as rows:
            return _found(rows, name)

    # --- signing in ---------------------------------------------------------------------------

    def signed_in(self, name: str, password: Sensitive[str], figures: str = "") -> User | None:
        """The user, or None: a wrong name, password or figures, or one who is locked out.

        `figures` of the authenticator, where there is one. Each answer takes equal time.
        """
        return self._tried(name, password, figures)

    def knows(self, name: str, password: Sensitive[str]) -> bool:
        """Whether it is the user's password; a wrong one counts as one at the sign-in."""
        return self._tried(name, password, None) is not None

    def _tried(self, name: str, password: Sensitive[str], figures: str | None) -> User | None:
        with self._opened() as rows:
            held = rows.execute("SELECT hash FROM user WHERE name = ?", (name,)).fetchone()
        right = matches(held[0] if held else None, password)
        return self._line.count(lambda: self._counted(name, figures, right=right))

    def _counted(self, name: str, figures: str | None, *, right: bool) -> User | None:
        with self._opened() as rows:
            user = _found(rows, name)
            if user is None or user.locked or user.shut_until > self._clock():
                return None
            if user.second_factor and figures is not None:
                right = right and self._shows(rows, name, figures)
            if not right:
                self._count_failure(rows, name)
                return None
            rows.execute(
                "UPDATE user SET failures = 0, seen = ? WHERE name = ?", (self._clock(), name)
            )
            return user

    # --- the authenticator --------------------------------------------------------------------

    def offered(self, name: str) -> Sensitive[bytes]:
        """The secret for the authenticator of a user who has none; the same until it is in use."""
        return self._line.change(lambda: self._offered(name))

    def _offered(self, name: str) -> Sensitive[bytes]:
        with self._opened() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO factor (name, salt) VALUES (?, ?)",
                (name, authenticator.new_salt()),
            )
            return self._secret(rows, name)

    def confirm_factor(self, name: str, figures: str) -> bool:
        """Ask for figures from now on, if these are what the authenticator shows; they sign in."""
        return self._line.change(lambda: self._confirmed(name, figures))

    def _confirmed(self, name: str, figures: str) -> bool:
        self._offered(name)
        with self._opened() as rows:
            if not self._shows(rows, name, figures):
                return False
            rows.execute("UPDATE factor SET confirmed = 1 WHERE name = ?", (name,))
            _changed(rows, name, "failures = ?", 0)
        return True

    def drop_factor(self, name: str) -> None:
        """For somebody who has lost the phone; raises Refused where there is no such user."""
        self._change(name, "failures = ?", 0, drops_factor=True)

    def _secret(self, rows: sqlite3.Connection, name: str) -> Sensitive[bytes]:
        ((salt,),) = rows.execute("SELECT salt FROM factor WHERE name = ?", (name,))
        return authenticator.derived(Keys.load(self._home / "keys").audit, name, salt)

    def _shows(self, rows: sqlite3.Connection, name: str, figures: str) -> bool:
        """Whether the authenticator shows these now; whoever looked over a shoulder is too late."""
        step = authenticator.step_of(self._secret(rows, name), figures, self._clock())
        if step is None:
            return False
        taken = rows.execute(
            "UPDATE factor SET used = ? WHERE name = ? AND used < ?", (step, name, step)
        )
        return taken.rowcount == 1

    def _count_failure(self, rows: sqlite3.Connection, name: str) -> None:
        rows.execute("UPDATE user SET failures = failures + 1 WHERE name = ?", (name,))
        rows.execute(
            "UPDATE user SET failures = 0, shut_until = ? WHERE name = ? AND failures >= ?",
            (self._clock() + LOCK_SECONDS, name, MOST_FAILURES),
        )

    # --- changes ------------------------------------------------------------------------------

    def add(self, name: str, roles: frozenset[Role]) -> Sensitive[str]:
        """A new user; their one-time password. Raises Refused."""
        if not _NAME.fullmatch(name):
            raise Refused("名字用 1 到 32 个汉字、字母、数字、._@- · 1 to 32 letters or digits")
        if not roles:
            raise Refused("至少要有一个岗位 · at least one role")
        password = _one_time()
        told = (name, _written(roles), hashed(password))
        self._line.change(lambda: self._added(told))
        return password

    def _added(self, told: tuple[str, str, str]) -> None:
        with self._opened() as rows:
            try:
                rows.execute(
                    "INSERT INTO user (name, roles, hash, one_time) VALUES (?, ?, ?, 1)", told
                )
            except sqlite3.IntegrityError:
                name = told[0]
                raise Refused(f"已经有 {name} 这个用户 · there is a user {name} already") from None

    def give_password(self, name: str) -> Sensitive[str]:
        """A new one-time password for somebody who forgot theirs; also ends being shut out."""
        password = _one_time()
        self._change(name, "hash = ?, one_time = 1, failures = 0, shut_until = 0", hashed(password))
        return password

    def choose_password(self, name: str, password: Sensitive[str]) -> None:
        """The user's own; raises Refused where it is too easily guessed."""
        chosen = password.reveal()
        if not LEAST_CHARACTERS <= len(chosen) <= MOST_CHARACTERS:
            raise Refused(f"口令要 {LEAST_CHARACTERS} 到 {MOST_CHARACTERS} 个字符")
        if name.lower() in chosen.lower() or len(set(chosen)) < LEAST_CHARACTERS // 2:
            raise Refused("口令太容易猜：不要含自己的名字，不要只用几个不同的字符")
        self._change(name, "hash = ?, one_time = 0", hashed(password))

    def set_roles(self, name: str, roles: frozenset[Role]) -> None:
        """Raises Refused where nobody would be left who edits users."""
        if not roles:
            raise Refused("至少要有一个岗位；不再用的用户请锁定 · at least one role, or lock them")
        self._change(name, "roles = ?", _written(roles), needs_administrator=True)

    def lock(self, name: str) -> None:
        """End their sessions and refuse new ones; raises Refused for the last administrator."""
        self._change(name, "locked = ?", 1, needs_administrator=True)

    def unlock(self, name: str) -> None:
        """Let them in again, also after too many failures."""
        self._change(name, "failures = 0, shut_until = 0, locked = ?", 0)

    def _change(
        self,
        name: str,
        what: str,
        value: object,
        *,
        needs_administrator: bool = False,
        drops_factor: bool = False,
    ) -> None:
        """One change, after which the user signs in anew."""

        def work() -> None:
            with self._opened() as rows:
                before = _administrators(rows)
                _changed(rows, name, what, value)
                if drops_factor:
                    rows.execute("DELETE FROM factor WHERE name = ?", (name,))
                if needs_administrator and before and not _administrators(rows):
                    raise Refused("这样就没有管理员了 · no administrator would be left")

        self._line.change(work)

    # --- the first one ------------------------------------------------------------------------

    def first(self, name: str = "admin") -> Sensitive[str] | None:
        """A one-time password for the first administrator, until somebody has signed in for good.

        Each start gives a new one: the one before may have scrolled away. None from then on.
        """
        known = self._line.count(self.all)
        if not known:
            return self.add(name, frozenset({Role.ADMINISTRATOR}))
        only = known[0]
        if len(known) == 1 and only.one_time and only.seen is None:
            return self.give_password(only.name)
        return None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with transaction(self._path, TABLES) as rows:
            yield rows


def _found(rows: sqlite3.Connection, name: str) -> User | None:
    row = rows.execute(f"SELECT {_COLUMNS} FROM user WHERE name = ?", (name,)).fetchone()  # noqa: S608
    return None if row is None else _user(row)


def _changed(rows: sqlite3.Connection, name: str, what: str, value: object) -> None:
    done = rows.execute(
        f"UPDATE user SET {what}, version = version + 1 WHERE name = ?",  # noqa: S608
        (value, name),
    )
    if not done.rowcount:
        raise Refused(f"没有 {name} 这个用户 · there is no user {name}")


def _user(row: tuple[str, str, int, int, float, int, float | None, int]) -> User:
    name, roles, one_time, locked, shut_until, version, seen, factor = row
    known = {role.value for role in Role}
    held = frozenset(Role(role) for role in roles.split(",") if role in known)
    return User(name, held, bool(one_time), bool(locked), shut_until, version, seen, bool(factor))


def _written(roles: frozenset[Role]) -> str:
    return ",".join(role for role in Role if role in roles)


def _administrators(rows: sqlite3.Connection) -> list[str]:
    able = rows.execute("SELECT name, roles FROM user WHERE NOT locked").fetchall()
    return [name for name, roles in able if Role.ADMINISTRATOR in roles.split(",")]


def _one_time() -> Sensitive[str]:
    """Sixty bits, in groups that can be read out."""
    drawn = "".join(secrets.choice(_EASY_TO_READ) for _ in range(12))
    return Sensitive("-".join(drawn[at : at + 4] for at in range(0, 12, 4)))

"""Whose the files of a line are: the home folder's owner's, whoever runs a command.

The service runs as a user of its own, and operators type `ivr …` as root. What root's commands
left behind as root's, the service could not open.
"""

from __future__ import annotations

import ctypes
import os
import pwd
from contextlib import suppress
from pathlib import Path

_CAPABILITY_VERSION = 0x20080522
_DAC_OVERRIDE = 1 << 1


class _Header(ctypes.Structure):
    """Of capset(2): the version of the structures, and 0 for this process."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    """Of capset(2): 32 capabilities; there are two of these."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def act_as_owner(home: Path, *, reach: bool) -> None:
    """As root, become the owner of the home folder; anybody else stays who he is.

    With `reach` files anywhere can still be opened, as root could: an operator names exports and
    targets of his own. A program that stays, and programs that are started, do without.
    """
    owner = _existing(home).stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    user = _user(owner.st_uid)
    real = 0 if reach else owner.st_uid  # who may open what is asked for the real user, access(2)
    try:
        os.setgroups(os.getgrouplist(user.pw_name, user.pw_gid) if user else [owner.st_gid])
        group = user.pw_gid if user else owner.st_gid
        os.setresgid(group, group, group)
        os.setresuid(real, owner.st_uid, real)
    except OSError:  # a container that knows no such user: root is whom its files belong to
        return
    if reach:
        _reach()
    os.environ["HOME"] = user.pw_dir if user else str(home)


def _reach() -> None:
    """Keep of root's rights the one to open files that are others'."""
    header = _Header(_CAPABILITY_VERSION, 0)
    kept = (_Set * 2)(_Set(_DAC_OVERRIDE, _DAC_OVERRIDE, 0), _Set(0, 0, 0))
    ctypes.CDLL(None).capset(ctypes.byref(header), kept)


def _user(number: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(number)
    except KeyError:
        return None


def name_of_owner(path: Path) -> str:
    """Whose it is, or will be when it is made; a number where that user has no name."""
    number = _existing(path).stat().st_uid
    user = _user(number)
    return user.pw_name if user else str(number)


def is_strangers(path: Path) -> bool:
    """Whether it belongs to another user than the one who runs this."""
    return _existing(path).stat().st_uid != os.geteuid()


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there and can be seen."""
    for place in (path.absolute(), *path.absolute().parents):
        with suppress(OSError):
            place.stat()
            return place
    return Path("/")


def make_folder(path: Path) -> None:
    """Make a folder and those above it that lack; each belongs to the owner of the one above it."""
    if path.exists():
        return
    make_folder(path.parent)
    with suppress(FileExistsError):
        path.mkdir()
    give_to_owner_of(path.parent, path)


def give_to_owner_of(folder: Path, path: Path) -> None:
    """What root made in somebody's folder is theirs."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

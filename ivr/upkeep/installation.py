"""The line as a system service: its user, folders, environment, units and the `ivr` on the PATH."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template

from ivr.config import PROJECT
from ivr.lifecycle.owner import give_to_owner_of
from ivr.records.durable import write
from ivr.speech.publications import MANIFEST
from ivr.upkeep.supervisor import Say

USER = "ivr"
HOME = Path("/var/lib/ivr")
AUDIO = HOME / "generated_audio"
CACHE = HOME / "cache"
ENVIRONMENT = Path("/etc/ivr/environment")
PROGRAM = Path("/usr/local/bin/ivr")
UNITS = Path("/etc/systemd/system")
STARTED = ("ivr-asterisk.service", "ivr-service.service", "ivr-loader.service",
           "ivr-guardian.service", "ivr-console.service", "ivr-retention.timer",
           "ivr-probe.timer", "ivr-watch.service")  # fmt: skip
RESTARTED = ("ivr-service.service", "ivr-loader.service", "ivr-guardian.service",
             "ivr-console.service", "ivr-watch.service")  # fmt: skip
"""At an upgrade; the calls in progress stay in Asterisk meanwhile."""
_TEMPLATES = Path(__file__).with_name("units")
_ENDED = Path(__file__).with_name("ended.sh")
_HARDENING = Path(__file__).with_name("hardening.conf")
_PLACES = {"IVR_HOME": HOME, "IVR_AUDIO": AUDIO, "XDG_CACHE_HOME": CACHE}
_MARK = "# Written by `ivr service install`."


class CannotInstall(Exception):
    """What stands in the way, and what to do about it."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the installation."""

    path: Path
    content: str
    mode: int = 0o644


def files(environment: Path) -> tuple[File, ...]:
    """Everything that is written, for the programs of a Python environment; pure."""
    values = {
        "user": USER,
        "home": str(HOME),
        "environment": str(ENVIRONMENT),
        "program": str(environment / "bin" / "ivr"),
        "python": str(environment / "bin" / "python"),
        "noted": f"ExecStopPost=-/bin/sh {_ENDED} %N",
    }
    values["hardening"] = Template(_HARDENING.read_text("utf-8")).substitute(values)
    units = [
        File(UNITS / template.name, Template(template.read_text("utf-8")).substitute(values))
        for template in sorted(_TEMPLATES.iterdir())
    ]
    return (File(PROGRAM, _wrapper(environment), 0o755), *units)


def _wrapper(environment: Path) -> str:
    """What an operator types: it knows where the line's files are."""
    return f'#!/bin/sh\n{_MARK}\nset -a\n. {ENVIRONMENT}\nexec {environment / "bin" / "ivr"} "$@"\n'


def environment_file(before: str) -> str:
    """The variables of every program of the line; what an operator has written stays."""
    lines = before.splitlines() or [
        "# 热线所有程序的环境变量，每行一个；有空格的值用单引号括起来。改了以后重新启动服务。",
    ]
    for name, place in _PLACES.items():
        if not any(line.startswith(f"{name}=") for line in lines):
            lines.append(f"{name}={place}")
    return "\n".join(lines) + "\n"


def install(say: Say) -> None:
    """Make a service of this environment's line and start it; harmless where it is one already."""
    _root_only()
    _make_user(say)
    _own_folders()
    _write_all(say)
    _check_reach()
    _prepare(say)
    if _systemd():
        _systemctl("daemon-reload")
        _systemctl("enable", "--now", *STARTED)
        say(f"已启动 · started: {' '.join(STARTED)}")
    else:
        say(f"没有运行 systemd；开机后 · no systemd here: systemctl enable --now {STARTED[0]} …")
    say("`ivr doctor` 检查一切 · checks everything")
    say("`ivr users add 名字 --role 管理员` 建立控制台的第一个管理员 · the console's administrator")


def upgrade(say: Say) -> None:
    """After new code: units, prompts, and a restart that cuts no call."""
    _root_only()
    if not ENVIRONMENT.exists():
        raise CannotInstall("还没有安装：`ivr service install` · it is not installed yet")
    asterisk = UNITS / STARTED[0]
    before = asterisk.read_text() if asterisk.exists() else ""
    _own_folders()
    _write_all(say)
    _check_reach()
    _prepare(say)
    if not _systemd():
        say("没有运行 systemd · no systemd here: nothing was restarted")
        return
    _systemctl("daemon-reload")
    for unit in RESTARTED:  # one by one, so that whom callers wait for has the machine
        _systemctl("restart", unit)
    say(f"已重新启动，通话不断 · restarted, no call was cut: {' '.join(RESTARTED)}")
    if asterisk.read_text() != before:
        say(f"空闲时再 · when nobody calls: systemctl restart {STARTED[0]}")


def uninstall(say: Say, *, purge: bool) -> None:
    """Stop and take out the service; the data and its user go only with `purge`."""
    _root_only()
    if _systemd():
        present = [name for name in STARTED if (UNITS / name).exists()]
        if present:
            _systemctl("disable", "--now", *present)
    for file in files(Path(sys.prefix)):
        if file.path != PROGRAM or _MARK in _content(PROGRAM):
            file.path.unlink(missing_ok=True)
    if _systemd():
        _systemctl("daemon-reload")
        _systemctl("reset-failed", "ivr-*")  # else what failed once is listed for ever
    if not purge:
        say(f"数据仍在 {HOME}，设置在 {ENVIRONMENT} · the data stays; --purge removes them")
        return
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.rmtree(ENVIRONMENT.parent, ignore_errors=True)
    with suppress(KeyError):
        pwd.getpwnam(USER)
        _run(["userdel", USER])
    say("已全部删除 · all is gone")


def stale() -> Iterator[str]:
    """Files of an installation that are not as this version writes them."""
    if ENVIRONMENT.exists():
        for file in files(Path(sys.prefix)):
            if _content(file.path) != file.content:
                yield str(file.path)


# --- the steps --------------------------------------------------------------------------------


def _root_only() -> None:
    if os.geteuid() != 0:
        raise CannotInstall("要用 root 运行 · only root can: sudo …")


def _make_user(say: Say) -> None:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        _run(["useradd", "--system", "--user-group", "--no-create-home",
              "--home-dir", str(HOME), "--shell", "/usr/sbin/nologin", USER])  # fmt: skip
        say(f"用户 · user {USER}")


def _own_folders() -> None:
    user = pwd.getpwnam(USER)
    HOME.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.chown(HOME, user.pw_uid, user.pw_gid)
    for folder in (AUDIO, CACHE, CACHE / "ivr-12329"):
        folder.mkdir(mode=0o755, exist_ok=True)
        give_to_owner_of(HOME, folder)


def _write_all(say: Say) -> None:
    ENVIRONMENT.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write(ENVIRONMENT, environment_file(_content(ENVIRONMENT)).encode(), mode=0o640)
    os.chown(ENVIRONMENT, 0, pwd.getpwnam(USER).pw_gid)
    for file in files(Path(sys.prefix)):
        write(file.path, file.content.encode())
        file.path.chmod(file.mode)
        say(str(file.path))


def _check_reach() -> None:
    """The service's user must be able to run what is installed here."""
    program = Path(sys.prefix) / "bin" / "ivr"
    asked = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups",
             str(program.with_name("python")), "-c", "import ivr.cli.commands"]  # fmt: skip
    done = subprocess.run(asked, cwd="/", capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise CannotInstall(
            f"用户 {USER} 运行不了 {program}（{last}）：把程序放到 /opt 下，别放在 /root 或家目录"
            f" · {USER} cannot run it: put the checkout under /opt"
        )


def _prepare(say: Say) -> None:
    """Asterisk and the prompts; an older set is better than no line."""
    say("准备 Asterisk 和语音，第一次要几分钟 · preparing Asterisk and the prompts …")
    _compile()
    _ours("-m", "ivr.asterisk")
    with suppress(CannotInstall):  # it has said so; the pages do without charts
        _ours("-m", "console.browser")
    try:
        _run([str(PROGRAM), "build-prompts"])
    except CannotInstall:
        if not (AUDIO / MANIFEST).exists():
            raise
        say("新的语音没有做成，仍用已发布的 · no new prompts were made; the old ones are spoken")


def _compile() -> None:
    """The units may not write beside the code: each start would compile it, and callers wait."""
    rooms = [str(PROJECT / room) for room in ("ivr", "analytics", "console", "prompt_build")]
    with suppress(CannotInstall):  # a checkout that nobody can write to starts slowly, and runs
        _ours("-m", "compileall", "-qq", "-j", "0", *rooms)


def _systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _systemctl(*words: str) -> None:
    _run(["systemctl", *words])


def _ours(*words: str) -> None:
    """One of our own programs as root, with the line's environment."""
    _run([sys.executable, *words], {name: str(place) for name, place in _PLACES.items()})


def _run(command: Sequence[str], more: dict[str, str] | None = None) -> None:
    environment = {**os.environ, **(more or {})}
    done = subprocess.run(command, cwd="/", env=environment, check=False)  # noqa: S603
    if done.returncode:
        raise CannotInstall(f"没有成功 · failed: {' '.join(command)}")


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""

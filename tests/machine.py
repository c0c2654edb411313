"""A machine of its own on this one's kernel: namespaces of a root folder, with systemd as PID 1.

Its network is that of whoever boots it, so that a telephone of the tests can call it. Only root
can make one, and only where a control group of version 2 can be made; `why_not` says so.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ivr.asterisk.locate import ENDS_WITH_PARENT

BOOT_SECONDS = 400.0
SYSTEMD = "/lib/systemd/systemd"
_BOOT = """
set -e
mkdir -p {group}
echo $$ > {group}/cgroup.procs
exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup sh -c '
set -e
mount --make-rprivate /
cd {root}
mount --rbind . .
cd {root}
for kind in proc:proc sysfs:sys tmpfs:run tmpfs:tmp tmpfs:dev; do
  mount -t ${{kind%:*}} none ${{kind#*:}}
done
mkdir dev/pts dev/shm
for each in null zero full random urandom tty; do
  touch dev/$each
  mount --bind /dev/$each dev/$each
done
mount -t devpts none dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs none dev/shm
mount -t cgroup2 none sys/fs/cgroup
mkdir -p run/before
pivot_root . run/before
umount -l /run/before
exec env -i container=tests PATH=/usr/sbin:/usr/bin:/sbin:/bin {systemd} --log-target=journal
' </dev/null >/dev/null 2>&1
"""


def why_not() -> str | None:
    """What stands in the way of a machine here; None where one can be booted."""
    if os.geteuid() != 0:
        return "only root can make a machine of its own"
    if not Path(SYSTEMD).exists():
        return "systemd is not here"
    groups = _groups()
    return None if groups and os.access(groups, os.W_OK) else "no control groups of version 2"


def _groups() -> Path | None:
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"), None)


@dataclass
class Machine:
    """A root folder that boots. What is mounted below it is there inside as well."""

    root: Path
    _keeper: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def boot(self) -> None:
        """Until systemd has started what it starts at boot, well or not."""
        script = _BOOT.format(root=self.root, group=self._group, systemd=SYSTEMD)
        self._keeper = subprocess.Popen(
            [*ENDS_WITH_PARENT, "sh", "-c", script], start_new_session=True
        )
        deadline = time.monotonic() + BOOT_SECONDS
        while not self._is_up():
            assert self._keeper.poll() is None, "systemd ended at once"
            assert time.monotonic() < deadline, "systemd did not come up"
            time.sleep(0.2)

    def reboot(self) -> None:
        """As an operator does: everything is ended in its order, and is started again."""
        assert self._keeper is not None
        self.tries("systemctl", "reboot")
        self._keeper.wait(timeout=BOOT_SECONDS)
        self.boot()

    def off(self) -> None:
        """The plug is pulled; nothing of it is left."""
        if self._keeper is not None:
            self._keeper.kill()  # PID 1 dies with it, and with PID 1 all the others
            self._keeper.wait()
        self._forget_groups()

    def command(self, *words: str) -> list[str]:
        """What runs the words inside, in no environment but its PATH."""
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        enter = ["nsenter", f"--target={self._init()}", "--all", "--root", "--wd=/"]
        return [*enter, "env", "-i", path, "LC_ALL=C.UTF-8", *words]

    def tries(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What came of it, well or not."""
        command = self.command(*words)
        return subprocess.run(
            command, capture_output=True, text=True, timeout=500, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *words: str) -> str:
        """What it printed; AssertionError where it failed."""
        done = self.tries(*words)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    def shown(self, unit: str, what: str) -> str:
        """One property of a unit, as `systemctl show` tells it."""
        return self.run("systemctl", "show", "--value", f"--property={what}", unit).strip()

    @property
    def _group(self) -> Path:
        groups = _groups()
        assert groups is not None
        return groups / f"machine-{os.getpid()}"

    def _init(self) -> int:
        """Its PID 1, as it is numbered here."""
        assert self._keeper is not None
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children")
        return int(children.read_text().split()[0])

    def _is_up(self) -> bool:
        with suppress(IndexError, FileNotFoundError):
            state = self.tries("systemctl", "is-system-running").stdout.strip()
            return state in {"running", "degraded"}
        return False

    def _forget_groups(self) -> None:
        folders = sorted(self._group.rglob("*/"), reverse=True)
        for folder in [*folders, self._group]:
            for _ in range(100):
                with suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.02)

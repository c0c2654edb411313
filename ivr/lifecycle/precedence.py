"""What a caller waits for comes before everything else on the machine (docs/decisions/speed.md)."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)

PRIORITY = 10
"""Of the real-time ones, 1 to 99 (sched(7)): what Asterisk gives itself with its own `-p`."""


def come_first(process: int = 0) -> None:
    """Let a process, and the threads that it begins from now on, run as soon as there is work.

    By id; 0: this one. The kernel leaves a share of each second to everybody else
    (`sched_rt_runtime_us`), so that a program which runs wild can still be ended. Where the system
    does not allow it, nothing changes, and that is written down. An Asterisk that runs as root
    decides by itself (`highpriority` in asterisk.conf).
    """
    try:
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError as refused:
        log.info("calls wait their turn among all programs of this machine (%s)", refused)

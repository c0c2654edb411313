"""Every alarm: when it rings, what it means and what to do. The one list of them; pure.

The console, the messages, the rules for Prometheus and the runbooks are all made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Severity = Literal["critical", "warning"]
SEVERITIES: Final[Mapping[Severity, str]] = {"critical": "紧急", "warning": "注意"}
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One condition, on one figure; it rings for each of the figure's labels by itself."""

    name: str
    title: str
    metric: str
    when: Literal["<", ">"]
    limit: float
    seconds: float
    """So long the condition must hold."""
    severity: Severity
    means: str
    remedy: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Only figures with these."""

    def holds(self, value: float) -> bool:
        """Whether this value is reason to ring."""
        return value < self.limit if self.when == "<" else value > self.limit

    @property
    def expression(self) -> str:
        """The condition as Prometheus has it."""
        wanted = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        chosen = f"{{{wanted}}}" if wanted else ""
        return f"{self.metric}{chosen} {self.when} {self.limit:g}"


ALARMS: Final = (
    Alarm(
        "service_away", "接电话的服务不在", "ivr_service_answers", "<", 1, 30, "critical",
        "服务死了、挂起了，或没有启动；新来电听到致歉并转坐席。",
        "看 service.log 最后几行；`ivr doctor`；重新启动 `systemctl restart ivr-service`。",
    ),
    Alarm(
        "asterisk_away", "与 Asterisk 断开", "ivr_part_ok", "<", 1, 30, "critical",
        "服务连不上 Asterisk：没有一通电话能进来。",
        "看 asterisk.log；`systemctl status ivr-asterisk`，不在就启动它。", {"part": "ari"},
    ),
    Alarm(
        "accounts_away", "账户数据库查不了", "ivr_part_ok", "<", 1, 60, "critical",
        "来电人查询时听到“系统繁忙”；其余菜单照常。",
        "请数据库管理员看数据库；`ivr doctor` 的 accounts 一行写明原因。", {"part": "accounts"},
    ),
    Alarm(
        "breaker_open", "账户查询暂停", "ivr_accounts_resting", ">", 0, 60, "warning",
        "查询接连失败，热线在让数据库休息，来电人不用等就听到“系统繁忙”。",
        "看数据库慢在哪里；恢复后自动再试，不用重启。",
    ),
    Alarm(
        "state_away", "节点之间的共享数据库不通", "ivr_state_away", ">", 0, 30, "warning",
        "电话照常；各节点按自己知道的限次，停开、上锁别的节点暂时不知道，恢复后自动补齐。",
        "看 [state] 的 PostgreSQL 和到它的网络；`ivr node list`；恢复后不用重启。",
    ),
    Alarm(
        "cases_waiting", "工单等着数据库", "ivr_cases_waiting", ">", 0, 600, "warning",
        "来电人留下的都在本机磁盘上，控制台里还看不到；数据库好了自动补上，每件一次。",
        "看工单的数据库和到它的网络；日志写明原因；不用重启，不用命令。",
    ),
    Alarm(
        "records_waiting", "话务记录写不进磁盘", "ivr_facts_waiting", ">", 0, 60, "critical",
        "记录留在内存里等着；这时断电就会丢失。",
        "看磁盘：满了就腾地方，只读了就修复；腾出来自动补写，不要重启服务。",
    ),
    Alarm(
        "prompts_refused", "发布的语音用不了", "ivr_prompts_refused", ">", 0, 60, "warning",
        "来电人听到的是上一版话术。",
        "`ivr doctor` 写明缺什么；`ivr build-prompts` 重做，或 `ivr prompts rollback`。",
    ),
    Alarm(
        "disk_low", "磁盘快满", "ivr_disk_free_bytes", "<", 1e9, 60, "critical",
        "再少就不能录音，然后记录写不进去。",
        "删除旧备份和不用的文件；`ivr retention run` 删除到期的；录音移到大盘 recordings.folder。",
    ),
    Alarm(
        "loader_behind", "话务记录没有入库", "ivr_loader_lag_seconds", ">", 300, 60, "warning",
        "报表和值班页的今日数字停在过去；记录本身没有丢。",
        "看 loader.log；`systemctl restart ivr-loader`，会自动补上。",
    ),
    Alarm(
        "trunk_unregistered", "中继没有注册", "ivr_trunk_registered", "<", 1, 120, "critical",
        "运营商不知道热线在哪里，这条中继的电话打不进来。",
        "核对 trunks 的 server、user、password 和网络；请运营商看他们那边。",
    ),
    Alarm(
        "trunk_silent", "中继没有回应", "ivr_trunk_answers", "<", 1, 180, "warning",
        "运营商的设备回答过 OPTIONS，现在不回答了：线路或设备断了，或他们改了设置。",
        "ping 运营商的地址，看防火墙；从来没有回答过的不响。",
    ),
    Alarm(
        "agents_absent", "工作时间没有坐席话机", "ivr_agents_lacking", ">", 0, 300, "warning",
        "现在是坐席时间，一部话机也没有注册：转人工的都听到没有人。",
        "看坐席的话机和网络；确实没有人上班，改 agents.hours。",
    ),
    Alarm(
        "queue_slow", "排队等坐席太久", "ivr_queue_longest_seconds", ">", 600, 60, "warning",
        "有人等了十分钟还没有坐席接。",
        "值班页看坐席的状态：请离开的回来，请别组的登录；天天如此，调整排班。",
    ),
    Alarm(
        "probe_failing", "拨测不正常", "ivr_probe_failures", ">", 1, 0, "critical",
        "像来电人一样拨打，接连两次没有听到该听到的：来电人多半也没有。",
        "`ivr probe` 再拨一次，看它听到了什么；按听到的查：无声看 RTP 端口，致歉看服务和数据库。",
    ),
    Alarm(
        "probe_stale", "拨测停了", "ivr_probe_age_seconds", ">", 900, 60, "warning",
        "很久没有拨测：热线坏了也不会有人先知道。",
        "`systemctl list-timers ivr-probe.timer`；`ivr run` 的看 probe.every_seconds。",
    ),
    Alarm(
        "voice_slow", "按键以后很久才有声音", "ivr_probe_key_seconds", ">", 2, 180, "warning",
        "来电人会以为没有按上，再按一次。",
        "看机器忙不忙（负载、磁盘、同机的别的程序）；`ivr_calls` 是不是太多。",
    ),
    Alarm(
        "recordings_unfiled", "录音没有归档", "ivr_recordings_unfiled", ">", 0, 60, "warning",
        "投诉、建议或通话录了音，十分钟以后还没有归档。",
        "看 recordings.folder 写得进去吗、满没满；修好以后自动归档。",
    ),
    Alarm(
        "recordings_unsent", "录音没有送到共用的存放处", "ivr_recordings_unsent_seconds", ">", 1800,
        60, "warning",
        "归档的录音半小时了还只在这台机器上：这台坏了就没有了。",
        "`ivr courier --once` 说明卡在哪里：挂载、网络、密钥、空间；好了自动补送，本机的不会先删。",
    ),
    Alarm(
        "prompts_behind", "话术不是全线在用的那一版", "ivr_prompts_behind_seconds", ">", 300, 60,
        "warning",
        "这个节点和别的节点说的话不一样，或它发布的还没有到别的节点。",
        "`ivr courier --once` 说明卡在哪里；`ivr node list` 列出还缺的节点。",
    ),
    Alarm(
        "cases_over_time", "有工单超期", "ivr_cases_over_time", ">", 0, 60, "warning",
        "有投诉、建议或留言过了受理、答复、办结或回访的期限，还没有办。",
        "控制台“工单”，只看“已超期”：派人、改派，或由值班长延期、挂起。",
    ),
    Alarm(
        "certificate_expiring", "证书快到期", "ivr_certificate_days", "<", 14, 0, "warning",
        "到期以后，浏览器或话机就连不上。",
        "换上新证书（console.certificate、tls.certificate），重新启动用它的程序。",
    ),
    Alarm(
        "texts_overdue", "话术内容过了核对日期", "ivr_texts_days", "<", 0, 0, "warning",
        "政策、利率一类的内容说好要重新核对，已经过期：来电人听到的可能不对。",
        "`ivr doctor` 列出是哪几条；核对以后改 reviewed、expires，再 `ivr build-prompts`。",
    ),
    Alarm(
        "backup_old", "很久没有备份", "ivr_backup_age_seconds", ">", 2 * DAY, 0, "warning",
        "这台机器坏了，两天以来的记录和录音就没有了。",
        "`ivr backup 文件`，接着电话也行；看定时备份为什么没有做。",
    ),
)  # fmt: skip

BY_NAME: Final = {alarm.name: alarm for alarm in ALARMS}

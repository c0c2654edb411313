"""Whether a node fits to its line: every reason why it must not serve, at once; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ivr.state.nodes import Identity, Line, Node

CLOCK_SECONDS: Final = 2.0
"""Locks and limits are times: clocks may differ from the database's by no more."""


def faults(me: Identity, line: Line, *, ahead: float) -> list[str]:
    """What keeps `me` from serving in `line`; `ahead`: its clock before the database's, seconds."""
    return [*_place(me, line), *to_join(me, line, ahead=ahead)]


def to_join(me: Identity, line: Line, *, ahead: float) -> list[str]:
    """What keeps it from joining, whether it has joined already or not."""
    return [*_names(me, line), *keys(me, line), *catalog(me, line), *_clock(ahead)]


def warnings(me: Identity, line: Line, *, ahead: float) -> list[str]:
    """What somebody must look at though the node serves."""
    told = list(_clock(ahead))
    if lacks_prompts(me, line):
        told.append(
            "还没有全线在用的话术，送件程序（ivr courier）正在取；`ivr courier --once` 说明卡在哪里"
            " · the prompts that are in force are not here yet"
        )
    elif line.catalog and me.catalog == line.catalog_before:
        told.append(
            f"话术还是前一版 {me.catalog}，全线已是 {line.catalog}：在本机换上同一版再重启"
            " · this node still has the sentences of before"
        )
    if line.is_new:
        told.append(
            "共享数据库是空的，像是新建的：每个节点重新 `ivr node join`"
            " · shared state is empty: join again on each node"
        )
    elif line.node(me.name) is None:
        told.append(
            f"共享数据库里没有 {me.name}，不接新来电：移出了（ivr node remove）就停掉它；"
            "数据库是从备份恢复的，在本机再 `ivr node join`"
            " · the database does not know this node: taken out, or put back from before"
        )
    return told


def _place(me: Identity, line: Line) -> Iterator[str]:
    if line.node(me.name) is None:
        yield (f"节点 {me.name} 还没有加入：在本机运行 `ivr node join` · this node has not joined")


def _names(me: Identity, line: Line) -> Iterator[str]:
    namesake = line.node(me.name)
    if namesake is not None and namesake.machine != me.machine:
        yield (
            f"已经有另一台机器叫 {me.name}：改 settings.toml 的 node；那台已经不在了，先"
            f" `ivr node remove {me.name}` · another machine has this name"
        )
    for other in line.nodes:
        if other.series == me.series and other.name != me.name:
            yield (
                f"编号系列 {me.series:02} 已经是 {other.name} 的，录音编号会重复："
                "改 node 末尾的数字，或 recordings.series · this series belongs to another node"
            )


def lacks_prompts(me: Identity | Node, line: Line) -> bool:
    """Whether other prompts than those in force are heard there."""
    return bool(line.prompts) and me.prompts != line.prompts


def keys(me: Identity, line: Line) -> Iterator[str]:
    """Which of its keys are not the line's."""
    for name, fingerprint in line.keys.items():
        if me.keys.get(name) != fingerprint:
            yield (
                f"钥匙 keys/{name} 和别的节点不同，同一个人会变成两个人："
                "从别的节点安全地拷来，不要另做 · this key differs from the other nodes'"
            )


def catalog(me: Identity, line: Line) -> Iterator[str]:
    """Sentences that are neither those of the line nor those of before."""
    if line.catalog and me.catalog not in (line.catalog, line.catalog_before):
        yield (
            f"话术是 {me.catalog or '（没有）'}，全线是 {line.catalog}：在本机发布同一份话术；"
            "要是本机的才是新的，`ivr node join --renew` · other sentences than the line's"
        )


def _clock(ahead: float) -> Iterator[str]:
    if abs(ahead) > CLOCK_SECONDS:
        direction = "快" if ahead > 0 else "慢"
        yield (
            f"本机时钟比数据库{direction} {abs(ahead):.1f} 秒，最多 {CLOCK_SECONDS:g} 秒："
            "启用 NTP（chrony）对时"
            " · the clocks differ too much"
        )

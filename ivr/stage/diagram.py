"""The call flow as diagrams in Mermaid: questions, and the answers that lead to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ivr.dialogues import FOLLOW_UP
from ivr.dialogues.place import End
from ivr.stage.callflow import Way
from ivr.stage.rehearsal import Moment
from ivr.stage.script import MEANWHILE, Script

_ABOUT = """\
# 呼叫流程

由 `ivr script --mermaid` 从程序和目录生成，不要手改。每个框是一处提问或一段播报，箭头上是按键（或者
发生的事）和路上说的话。重听，以及按星号键返回上一层，图上不画。"""


def mermaid(script: Script) -> str:
    """One diagram of everything but the texts, then one of each branch of texts, as Markdown."""
    branches = {
        branch.prompt: [node.prompt for node in branch.walk()]
        for branch in script.prompts.information.values()
    }
    texts = {place for places in branches.values() for place in places[1:]}
    parts = [_ABOUT, "## 总图", _diagram(script, [p for p in script.flow.ways if p not in texts])]
    for root, places in branches.items():
        parts += [f"## {script.titles[root]}", _diagram(script, places)]
    return "\n\n".join(parts) + "\n"


def _diagram(script: Script, places: Sequence[str]) -> str:
    lines = ["```mermaid", "flowchart LR"]
    for place in script.flow.begins:
        origin = "outgoing((外呼))" if place == FOLLOW_UP else "incoming((来电))"
        lines += [f"  {origin} --> {_id(place)}"] if place in places else []
    for way in script.flow.everywhere:
        if way.leads in places:
            lines.append(f'  anywhere((任何提问)) -->|"{way.answer}"| {_id(str(way.leads))}')
    for place in places:
        lines += _drawn(script, place, places)
    return "\n".join([*lines, "```"])


def _drawn(script: Script, place: str, places: Sequence[str]) -> Iterator[str]:
    """The boxes of one place, and the arrows that leave them."""
    ways = script.flow.ways[place]
    title = script.titles[place]
    yield f'  {_id(place)}["{title if title == place else f"{title}<br/>{place}"}"]'
    moments = dict.fromkeys(way.leads for way in ways if isinstance(way.leads, Moment))
    boxes: dict[Moment | None, str] = {None: _id(place)}
    for number, moment in enumerate(moments):
        boxes[moment] = f"{_id(place)}_{number}" if number else _id(place)
        if number:
            words = "<br/>".join([*moment.question, *filter(None, [MEANWHILE[moment.meanwhile]])])
            yield f'  {boxes[moment]}["{words}"]'
    for way in ways:
        target = _target(way, boxes, places)
        if target is not None and _is_drawn(script, place, way) and target != boxes[way.asked]:
            yield f"  {boxes[way.asked]} -->{_label(script, way)} {target}"


def _is_drawn(script: Script, place: str, way: Way) -> bool:
    up = way.answer == "*" and way.leads == script.flow.up[place]
    return not (up or script.flow.goes_without_saying(way))


def _target(way: Way, boxes: dict[Moment | None, str], places: Sequence[str]) -> str | None:
    match way.leads:
        case End(disposition):
            return f"ended_{disposition}(({disposition}))"
        case Moment() as moment:
            return boxes[moment]
        case place:
            return _id(place) if place in places else None


def _label(script: Script, way: Way) -> str:
    offered = script.offer(way.asked, way.answer) if way.asked else ""
    parts = [f"{way.words} {offered}".strip(), *way.said]
    words = "<br/>".join(part for part in parts if part)
    return f'|"{words}"|' if words else ""


def _id(place: str) -> str:
    return place.replace(".", "_")

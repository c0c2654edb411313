"""Keys 3, 4 and 5: 网点、政策、办理流程 (seed, sections 三 to 五), as the prompt set has them.

The tree is the catalog's. Each of its nodes is a place of its own, named like its prompt, so
that a resumed call goes on there.
"""

from __future__ import annotations

import asyncio
from functools import partial

from ivr.calls.call import Call
from ivr.dialogues.afterwards import replay_or_back
from ivr.dialogues.place import UP, Outcome, Place
from ivr.records.facts import Informed
from ivr.speech.prompts import Node, PromptSet

_ROOT = "information"


def branch(prompts: PromptSet, key: str) -> Place:
    """The place behind one key of the main menu."""
    return _place(prompts.information[key])


def nearest(name: str, prompts: PromptSet) -> Place | None:
    """The place called `name`, such as `information.4.1.2`, or the nearest one above it there is.

    None where the name is none of the tree's, or not even its branch is left in this set.
    """
    root, *keys = name.split(".")
    nearest, nodes = None, prompts.information
    for key in keys if root == _ROOT else ():
        if key not in nodes:
            break
        nearest, nodes = nodes[key], nodes[key].children
    return None if nearest is None else _place(nearest)


def _place(node: Node) -> Place:
    above = node.prompt.rpartition(".")[0]
    speak = _choose if node.children else _tell
    return Place(node.prompt, "main" if above == _ROOT else above, partial(speak, node))


async def _choose(node: Node, call: Call) -> Outcome:
    """公积金缴存政策查询请按 1 … 返回上层查询请按*号。"""
    children = {key: _place(child) for key, child in node.children.items()}
    return await call.menu(node.prompt, {**children, "*": UP})


async def _tell(node: Node, call: Call) -> Outcome:
    """The text, and 重听请按 1，返回上层请按*号键。"""
    again = True
    while again:
        await _inform(node, call)
        again = await call.menu(replay_or_back(call), {"1": True, "*": False})
    return UP


async def _inform(node: Node, call: Call) -> None:
    """Say the text, and note whether it was heard to its end, also by who hangs up in it."""
    clock = asyncio.get_running_loop().time
    began, complete = clock(), False
    try:
        complete = await call.say(node.prompt)
    finally:
        call.note(
            Informed(
                session=call.session,
                leaf=node.prompt.removeprefix(f"{_ROOT}."),
                complete=complete,
                ms=round((clock() - began) * 1000),
            )
        )

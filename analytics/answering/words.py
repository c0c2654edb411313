"""The names of facts in the words of those who read the daily page."""

from __future__ import annotations

_WORDS = {
    # Figures.
    "calls": "来电",
    "answered": "接通",
    "self_service_percent": "自助率（%）",
    "asked_for_agent": "要求人工的来电",
    "left_without_answer": "未办成就离开",
    "lost": "因故障中断",
    "mean_seconds": "平均时长（秒）",
    "most_at_once": "最多同时通话",
    "erlangs": "话务量（厄兰）",
    "lines_needed": "所需线路",
    "visits": "到访次数",
    "hung_up": "挂机",
    "vanished": "失去联系",
    "gave_up": "三次失败",
    "percent": "占比（%）",
    "times": "次数",
    "within_short_percent": "短限内接通（%）",
    "within_long_percent": "长限内接通（%）",
    "p50_seconds": "半数等待（秒）",
    "p95_seconds": "95% 等待（秒）",
    "talk_minutes": "通话（分钟）",
    "votes": "票数",
    "mean_grade": "平均分",
    "abstained": "不表态",
    "heard": "收听",
    "to_the_end": "听完",
    "played": "播放",
    "interrupted": "被打断",
    "wrong": "按错",
    "silent": "未按键",
    "entries": "输入次数",
    # Outcomes of a wish for an agent; `answered` is above.
    "busy": "占线",
    "no_answer": "无人接听",
    "none_there": "无人值守",
    "abandoned": "等待中放弃",
    "failed": "故障",
    # Recordings.
    "complaint": "投诉",
    "suggestion": "建议",
    "message": "留言",
    # Look-ups.
    "fund": "公积金账户",
    "loan": "贷款",
    "found": "查到",
    "not_found": "没有录入",
    "several": "多个账户",
    "empty": "账号不存在",
    "unavailable": "系统繁忙",
    "unsayable": "播报不了，请转人工",
    # Places of the script.
    "welcome": "问候",
    "main": "主菜单",
    "account": "公积金查询",
    "information": "网点、政策与流程",
    "feedback": "互动交流",
    "survey": "满意度调查",
    "agent": "人工服务",
    "leave": "告别",
}
_PARTS = {"menu": "菜单", "inquiry": "输入与播报", "help": "帮助"}


def words(name: object) -> str:
    """Chinese for a name of ours; a name that has none yet, as it is."""
    text = "" if name is None else str(name)
    if text in _WORDS:
        return _WORDS[text]
    place, _, part = text.partition(".")
    if part and place in _WORDS:
        return f"{_WORDS[place]} · {_PARTS.get(part, part)}"
    return text

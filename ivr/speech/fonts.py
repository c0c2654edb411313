"""Fonts in which Hanzi are legible in a picture, as matplotlib finds them on this machine."""

from __future__ import annotations

from functools import cache

CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
)


def chinese_fonts() -> list[str]:
    """Those of this machine, the best first; also one that was installed a moment ago."""
    return _known() or (_look_again() and _known()) or []


def _known() -> list[str]:
    from matplotlib import font_manager  # noqa: PLC0415  a second to load, for those who draw

    names = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in CHINESE if name in names]


@cache
def _look_again() -> bool:
    """Matplotlib's list of fonts may be old: add what it does not know. Once is enough."""
    from matplotlib import font_manager  # noqa: PLC0415

    manager = font_manager.fontManager
    known = {font.fname for font in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            try:
                manager.addfont(path)
            except (OSError, RuntimeError):
                continue  # a font that FreeType cannot read shows nothing
    return True

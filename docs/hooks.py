"""What the build adds: the product's own fonts and mark, so that nothing is fetched from elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "static/vendor/fonts/pretendard-latin.woff2": "assets/fonts/pretendard-latin.woff2",
    "static/vendor/fonts/pretendard-hangul.woff2": "assets/fonts/pretendard-hangul.woff2",
    "static/vendor/fonts/jetbrains-mono.woff2": "assets/fonts/jetbrains-mono.woff2",
    "static/icons/mark.svg": "assets/mark.svg",
}


def on_post_build(config: Any, **_more: Any) -> None:
    """Copy them beside the built pages."""
    for source, target in FILES.items():
        place = Path(config["site_dir"]) / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, place)

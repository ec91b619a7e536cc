"""A small project with one good issue in two languages, for tests that plant mistakes into it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from PIL import Image

CONFIG = """\
[newsletter]
name = "The Weekly"
from = "The Weekly <weekly@example.org>"
legal_name = "Weekly Press"
postal_address = "7 Sample Road, Sample Town"
contact = "help@example.org"

[public]
url = "https://news.example.org"
"""

ISSUE = """\
title: "A week of maps"
subtitle: "Three ways to draw the same coast"
subject: "Maps for {{ subscriber.name | default('you') }}"
preheader: "Paper, screens and memory"
date: 2024-03-14
language: en
author: ana
reading_time: 4
publication: The Weekly
source:
  title: "A week of maps"
  url: https://weekly.example.org/maps
hero:
  image: coast.png
  alt: "A coast seen from above"
  caption: "The coast in March."
  credit: "Drawn by [Bo Sample](https://bo.example.org)"

blocks:
  - text: |
      This week [](@ana) looks at **maps**, and
      [Bo](@bo) at what they leave out.
    id: opening

  - heading: "Three picks"
    id: picks

  - highlights:
      - id: paper
        title: "The last paper map"
        url: https://maps.example.org/paper
        author: bo
        summary: |
          Why hikers still carry one.
      - image: ridge.png
        id: ridge
        alt: "A ridge at dusk"
        credit: "Drawn for this issue"
      - id: memory
        title: "Maps from memory"
        author: [ana, {name: Cy Guest, url: "https://cy.example.org"}]
        summary: "People draw their town; see [the drawings](https://maps.example.org/memory)."
    id: highlights

  - links:
      - id: tides
        text: "[](@bo) measures the tides."
    id: also

  - quote: "A map is a promise."
    by: Ana Example
    id: quote

  - divider:

  - spacer: 24

  - button: "Write for us"
    url: https://weekly.example.org/write
    id: write

closing: "Until the next one,"
signature: "The editors"

send:
  list: weekly
  at: "2024-03-14 09:00"
  timezone: Europe/Berlin
"""

CHINESE = """\
title: "地图周"
subtitle: "同一条海岸的三种画法"
subject: "给{{ subscriber.name | default('你') }}的地图"
preheader: "纸、屏幕与记忆"
hero:
  alt: "从空中看海岸"
  caption: "三月的海岸。"

blocks:
  - text: |
      本周，[](@ana) 谈**地图**，[Bo](@bo) 谈地图没有画的东西。
    id: opening
  - heading: "三篇推荐"
    id: picks
  - highlights:
      - id: paper
        title: "最后一张纸地图"
        summary: |
          徒步的人为什么还带着它。
      - id: ridge
        alt: "暮色中的山脊"
      - id: memory
        title: "凭记忆画地图"
        summary: "人们画自己的城市，见[这些画](https://maps.example.org/memory)。"
    id: highlights
  - links:
      - id: tides
        text: "[](@bo) 测量潮汐。"
    id: also
  - quote: "地图是一个承诺。"
    id: quote
  - button: "投稿"
    id: write

closing: "下期见，"
signature: "编辑部"
"""

PEOPLE = """\
ana:
  name: {en: Ana Example, zh: 安娜}
  url: https://ana.example.org
  avatar: ana.png
bo:
  name: Bo Sample
"""

PERSONAS = """\
- id: mei
  name: 美
  email: mei@example.org
  language: zh
  attributes: {city: Sample Town}
- id: nobody
  email: nobody@example.org
"""


@cache
def png(width: int = 1200, height: int = 600) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#336699").save(out, "PNG")
    return out.getvalue()


def write_project(folder: Path) -> Path:
    """The project in `folder`; returns the folder of its one issue."""
    issue = folder / "issues" / "maps"
    issue.mkdir(parents=True)
    (folder / "newsletter.toml").write_text(CONFIG, encoding="utf-8")
    (issue.parent / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    (issue.parent / "personas.yaml").write_text(PERSONAS, encoding="utf-8")
    (issue.parent / "ana.png").write_bytes(png(160, 160))
    (issue / "issue.yaml").write_text(ISSUE, encoding="utf-8")
    (issue / "issue.zh.yaml").write_text(CHINESE, encoding="utf-8")
    (issue / "coast.png").write_bytes(png())
    (issue / "ridge.png").write_bytes(png(800, 400))
    return issue

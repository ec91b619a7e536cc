"""Sample: made-up subscribers from a seed, in many languages and scripts, for the demo, the tests and the tutorial.

Nobody here exists: every address lies under the names that RFC 2606 keeps for examples. Among them are what audiences
really hold: no name at all, names longer than a line, commas and quotes in names, addresses in capitals, domains in
other alphabets, language tags with regions.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

SampleRow: TypeAlias = dict[str, str]

COLUMNS = ("email", "name", "language", "timezone", "country", "plan")


@dataclass(frozen=True, slots=True)
class Homeland:
    """Where some of the readers come from. Names are `as written` or `as written=in ASCII letters`, one a word."""

    weight: int
    """How many of 300, more or less."""
    languages: tuple[str, ...]
    homes: tuple[tuple[str, str], ...]
    """Country and time zone."""
    given: str
    family: str
    domain: str
    """A domain in their own alphabet, beside those that everybody uses."""
    joined: bool = False
    """Written family name first, without a space."""


HOMELANDS = (
    Homeland(
        70, ("en", "en-GB", "en-US", "en-AU"),
        (("GB", "Europe/London"), ("US", "America/New_York"), ("US", "America/Los_Angeles"), ("AU", "Australia/Sydney"),
         ("IN", "Asia/Kolkata"), ("NZ", "Pacific/Auckland"), ("NG", "Africa/Lagos")),
        "Ada Brendan Chiamaka Dev Elspeth Femi Greta Harriet Idris Joan Kiran Liam Moira Nia Oscar Priya Quentin Rory",
        "Abara Bellweather Cartwright Dunmore Eze Fairbairn Gupta Harrow Iyer Jarvis Kettle Larkspur Merrow Nair",
        "naïve.example",
    ),
    Homeland(
        55, ("zh", "zh-CN", "zh-Hans", "zh-Hans-SG"),
        (("CN", "Asia/Shanghai"), ("CN", "Asia/Urumqi"), ("SG", "Asia/Singapore"), ("DE", "Europe/Berlin")),
        "晓雨=xiaoyu 子墨=zimo 雅静=yajing 一鸣=yiming 思远=siyuan 若兰=ruolan 浩然=haoran 宁=ning 书瑶=shuyao 立=li",
        "欧阳=ouyang 林=lin 司徒=situ 沈=shen 顾=gu 陆=lu 骆=luo 温=wen 章=zhang 许=xu", "例子.example", joined=True,
    ),
    Homeland(
        20, ("zh-TW", "zh-Hant", "zh-HK"),
        (("TW", "Asia/Taipei"), ("HK", "Asia/Hong_Kong")),
        "怡君=yichun 志豪=chihhao 淑芬=shufen 承恩=chengen 詠晴=wingching 俊賢=chunhsien",
        "劉=liu 蕭=hsiao 鄧=tang 龔=kung 歐陽=ouyang 葉=yeh", "範例.example", joined=True,
    ),
    Homeland(
        30, ("de", "de-AT", "de-CH"),
        (("DE", "Europe/Berlin"), ("AT", "Europe/Vienna"), ("CH", "Europe/Zurich")),
        "Änne Björn Clemens Dörte Friederike Götz Heidrun Jörg Käthe Lüder Mareike Wenzel",
        "Birkenfürst Dachsöder Grünspecht Holzäpfel Kräuter Moosbrugger Nußbaumer Übelhör Weißgerber", "bücher.example",
    ),
    Homeland(
        20, ("fr", "fr-CA", "fr-BE"),
        (("FR", "Europe/Paris"), ("CA", "America/Montreal"), ("BE", "Europe/Brussels"), ("SN", "Africa/Dakar")),
        "Aïssatou Benoît Chloé Désiré Éloïse François Gaëlle Hélène Jérôme Noëlle",
        "d'Arbois Beauchêne L'Écuyer Fontanières Lefèvre Nguyễn Sauvagère", "élan.example",
    ),
    Homeland(
        20, ("es", "es-MX", "es-AR"),
        (("ES", "Europe/Madrid"), ("MX", "America/Mexico_City"), ("AR", "America/Argentina/Buenos_Aires")),
        "Álvaro Begoña Concepción Iñaki Íñigo Jesús Nuria Óscar Ximena Yolanda",
        "Castañeda Ibáñez Muñiz Núñez Peñarrocha Quiñones Zubizarreta", "mañana.example",
    ),
    Homeland(
        18, ("ar", "ar-EG", "ar-AE"),
        (("EG", "Africa/Cairo"), ("AE", "Asia/Dubai"), ("MA", "Africa/Casablanca"), ("JO", "Asia/Amman")),
        "ليلى=layla يوسف=yusuf مريم=maryam عمر=omar نور=nour خالد=khalid سلمى=salma",
        "الحداد=alhaddad النجار=alnajjar البستاني=albustani القصاب=alqassab الخياط=alkhayyat", "مثال.example",
    ),
    Homeland(
        12, ("he",), (("IL", "Asia/Jerusalem"),),
        "נועה=noa איתן=eitan תמר=tamar יונתן=yonatan שירה=shira",
        "בן־ארי=benari כהנא=kahana לביא=lavi שקד=shaked", "דוגמה.example",
    ),
    Homeland(
        16, ("ja", "ja-JP"), (("JP", "Asia/Tokyo"),),
        "さくら=sakura 健太=kenta 美咲=misaki 翔=sho ゆかり=yukari 直樹=naoki",
        "青木=aoki 五十嵐=igarashi 小野寺=onodera 長谷川=hasegawa 森=mori", "見本.example", joined=True,
    ),
    Homeland(
        10, ("ko",), (("KR", "Asia/Seoul"),),
        "하늘=haneul 서연=seoyeon 도윤=doyun 지우=jiu 민준=minjun", "남궁=namgung 윤=yun 선우=sunwoo 한=han",
        "보기.example", joined=True,
    ),
    Homeland(
        12, ("pt-BR", "pt"), (("BR", "America/Sao_Paulo"), ("PT", "Europe/Lisbon")),
        "Antônio Conceição Estêvão Inês João Luísa", "Assunção Brandão Gonçalves Simões Vidigal", "coração.example",
    ),
    Homeland(
        8, ("pl",), (("PL", "Europe/Warsaw"),),
        "Agnieszka Bożena Czesław Łucja Żaneta Świętosława", "Dąbek Grześkowiak Jabłoński Źrebiec", "żółw.example",
    ),
    Homeland(
        9, ("", "tlh", "eo"), (("", ""), ("", "UTC"), ("", "Etc/GMT+12"), ("", "Asia/Kathmandu")),
        "Kim Robin Sascha Toni Vanya", "Doe Nobody Someone", "example.org",
    ),
)  # fmt: skip
"""The last one stands for readers of whom we hardly know anything."""

DOMAINS = (
    "mail.example",
    "post.example",
    "inbox.example.org",
    "example.com",
    "team.example.net",
    "a.very.long.host.name.example",
)

ODD_NAMES = (
    ("", ""),
    ("Siobhán O'Brien, Ph.D.", "siobhan.o'brien"),
    ('Jürgen "Jott" Weißgerber', "jott+news"),
    ("Maria-Theresia Antonia Josefa Freiin von und zu Hohenstaufen-Wittgenstein-Obermeyer auf der Au", "mariatheresia"),
    ("Tom & Ellie <the neighbours>", "tom.and.ellie"),
    ("", ""),
    ("Ng", "ng"),
    ("Jose\u0301 Nu\u0301n\u0303ez", "jose.nunez"),  # decomposed accents
    ("José Luis Fernández de Córdoba y Álvarez de las Asturias Bohorques; hijo", "jlfernandez"),
    ("", ""),
    ("محمد Smith", "msmith"),
    ("𠮷野 家", "yoshino"),  # beyond the Basic Multilingual Plane
)
"""Given to one reader in ten instead of their own, with what then stands before the @; who has no name keeps that."""

_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "l", "æ": "ae", "ø": "o", "đ": "d"})


def sample_rows(seed: int = 2024, count: int = 300) -> list[SampleRow]:
    """Made-up subscribers, the same for the same seed; every row can be imported, no two have the same address."""
    rng = Random(seed)  # noqa: S311 - a sample, no secret
    taken: set[str] = set()
    rows = []
    for number, homeland in enumerate(_homelands(rng, count)):
        row = _row(rng, homeland)
        if number % 10 == 7:
            row["name"], local = ODD_NAMES[number // 10 % len(ODD_NAMES)]
            row["email"] = f"{local}@{row['email'].partition('@')[2]}" if local else row["email"]
        row["email"] = _free(row["email"], taken)
        taken.add(row["email"].lower())
        rows.append(row)
    return rows


def flawed_rows(good: Sequence[SampleRow]) -> list[SampleRow]:
    """Twelve rows that an import must refuse, then two that it must skip because they repeat people of `good`."""
    refused = (
        "", "no-at-sign.example", "two@at@signs.example", "spaces in@the.example", "Ana Diaz <ana@mail.example>",
        "dot.at.the.end.@mail.example", "two..dots@mail.example", "nobody@localhost", "number@[192.0.2.7]",
        '"quoted part"@mail.example', f"{'long' * 17}@mail.example", "hyphen@-mail.example",
    )  # fmt: skip
    rows = [{**dict.fromkeys(COLUMNS, ""), "email": address, "name": "Flawed Row"} for address in refused]
    return rows + [{**row, "email": row["email"].swapcase()} for row in good[:2]]


def write_sample(path: Path, *, seed: int = 2024, count: int = 300, with_flaws: bool = False) -> int:
    """Write the sample as CSV (UTF-8) and return the number of rows; `with_flaws` adds those an import must refuse."""
    rows = sample_rows(seed, count)
    if with_flaws:
        rows += flawed_rows(rows)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def _homelands(rng: Random, count: int) -> Iterator[Homeland]:
    """One reader of each homeland first, so that a small sample has all of them; then by weight."""
    yield from HOMELANDS[:count]
    yield from rng.choices(HOMELANDS, [homeland.weight for homeland in HOMELANDS], k=max(0, count - len(HOMELANDS)))


def _row(rng: Random, homeland: Homeland) -> SampleRow:
    given, short_given = _name(rng, homeland.given)
    family, short_family = _name(rng, homeland.family)
    country, timezone = rng.choice(homeland.homes)
    local = rng.choice((f"{short_given}.{short_family}", f"{short_given[0]}{short_family}", f"{short_family}+news"))
    domain = homeland.domain if rng.random() < 0.15 else rng.choice(DOMAINS)
    email = f"{local}@{domain}"
    return {
        "email": email.upper() if rng.random() < 0.04 and email.isascii() else email,
        "name": f"{family}{given}" if homeland.joined else f"{given} {family}",
        "language": rng.choice((homeland.languages[0], rng.choice(homeland.languages))),
        "timezone": timezone if rng.random() < 0.93 else "",
        "country": country,
        "plan": rng.choices(("free", "member", "patron"), (7, 2, 1))[0],
    }


def _name(rng: Random, names: str) -> tuple[str, str]:
    written, _, plain = rng.choice(names.split()).partition("=")
    return written, plain or _ascii(written)


def _ascii(name: str) -> str:
    """What somebody would make of their name in an address."""
    bare = unicodedata.normalize("NFD", name.lower().translate(_LETTERS))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def _free(email: str, taken: set[str]) -> str:
    local, _, domain = email.rpartition("@")
    number, candidate = 1, email
    while candidate.lower() in taken:
        number += 1
        candidate = f"{local}{number}@{domain}"
    return candidate

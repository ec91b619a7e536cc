"""Providers: the groups of recipient domains that one mail system receives for. Edit `_DOMAINS` to add one."""

from __future__ import annotations

from collections.abc import Mapping

OTHER = "other"
"""The group of all domains that are not named here."""

_DOMAINS = {
    "gmail": "gmail.com googlemail.com",
    "outlook": """outlook.com outlook.de outlook.es outlook.fr outlook.it outlook.jp hotmail.com hotmail.co.uk
        hotmail.de hotmail.es hotmail.fr hotmail.it live.com live.co.uk live.de live.fr live.it live.nl msn.com""",
    "yahoo": """yahoo.com yahoo.ca yahoo.co.in yahoo.co.uk yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.mx
        yahoo.de yahoo.es yahoo.fr yahoo.in yahoo.it ymail.com rocketmail.com aol.com aim.com verizon.net""",
    "apple": "icloud.com me.com mac.com",
    "qq": "qq.com vip.qq.com foxmail.com",
    "netease": "163.com 126.com yeah.net 188.com vip.163.com vip.126.com",
    "sina": "sina.com sina.cn vip.sina.com",
    "gmx": "gmx.de gmx.net gmx.at gmx.ch gmx.com web.de mail.com email.de",
    "t-online": "t-online.de magenta.de",
    "orange": "orange.fr wanadoo.fr",
    "mail.ru": "mail.ru bk.ru inbox.ru list.ru internet.ru",
    "yandex": "yandex.ru yandex.com yandex.by yandex.kz ya.ru",
    "proton": "proton.me protonmail.com protonmail.ch pm.me",
    "naver": "naver.com",
    "comcast": "comcast.net",
}

PROVIDER_OF: Mapping[str, str] = {
    domain: provider for provider, domains in _DOMAINS.items() for domain in domains.split()
}
"""Domain → provider."""
PROVIDERS = frozenset({*_DOMAINS, OTHER})


def provider_of(address: str) -> str:
    """The provider that receives for an address."""
    return PROVIDER_OF.get(address.rpartition("@")[2].lower(), OTHER)

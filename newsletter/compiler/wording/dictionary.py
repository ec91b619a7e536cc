"""The dictionary of `phrases`: one entry per language, each with every phrase. To add a language, add an entry.

Values in braces are filled by `phrase` and `issue_date`; `minutes` holds one form per plural category of the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything the program itself says in a mail, in one language."""

    by: str
    """Before the names of authors, with the space that follows it."""
    two: str
    """Between the names of two authors."""
    comma: str
    """Between the first names of three or more."""
    last: str
    """Before the last name of three or more."""
    minutes: Mapping[str, str]
    """How long it takes to read: plural category → phrase."""
    original: str
    """The link to where the issue first appeared."""
    follow: str
    """The link to an author's own page."""
    said_by: str
    """Before the name of who said a quotation."""
    why: str
    """Why this mail was sent."""
    unsubscribe: str
    view: str
    contact: str
    imprint: str
    date: str
    colon: str = ": "
    """Between the words for a link and the link, with the spaces around it."""
    months: tuple[str, ...] = ()
    """As they stand inside a date; empty where a month is a number."""
    first: str = ""
    """The first day of a month, where it is not `1`."""


def _months(names: str) -> tuple[str, ...]:
    return tuple(names.split())


_EN = Words(
    by="By ",
    two=" and ",
    comma=", ",
    last=", and ",
    minutes={"other": "{count} min read"},
    original="Read the original",
    follow="Follow",
    said_by="— ",
    why="You get this mail because you subscribed to {newsletter}.",
    unsubscribe="Unsubscribe",
    view="View in browser",
    contact="Contact",
    imprint="Legal notice",
    date="{day} {month} {year}",
    months=_months("January February March April May June July August September October November December"),
)

WORDS: Mapping[str, Words] = {
    "en": _EN,
    "en-US": replace(_EN, date="{month} {day}, {year}"),
    "zh": Words(
        by="作者：",
        two="、",
        comma="、",
        last="、",
        minutes={"other": "{count} 分钟阅读"},
        original="阅读原文",
        follow="关注",
        said_by="——",
        why="你收到这封邮件，是因为订阅了《{newsletter}》。",
        unsubscribe="退订",
        view="在浏览器中查看",
        contact="联系我们",
        imprint="法律声明",
        date="{year}年{month}月{day}日",
        colon="：",
    ),
    "zh-Hant": Words(
        by="作者：",
        two="、",
        comma="、",
        last="、",
        minutes={"other": "{count} 分鐘閱讀"},
        original="閱讀原文",
        follow="追蹤",
        said_by="——",
        why="你收到這封郵件，是因為訂閱了《{newsletter}》。",
        unsubscribe="取消訂閱",
        view="在瀏覽器中檢視",
        contact="聯絡我們",
        imprint="法律聲明",
        date="{year}年{month}月{day}日",
        colon="：",
    ),
    "de": Words(
        by="Von ",
        two=" und ",
        comma=", ",
        last=" und ",
        minutes={"one": "{count} Minute Lesezeit", "other": "{count} Minuten Lesezeit"},
        original="Zum Original",
        follow="Folgen",
        said_by="— ",
        why="Diese Mail kommt, weil Sie {newsletter} abonniert haben.",
        unsubscribe="Abbestellen",
        view="Im Browser ansehen",
        contact="Kontakt",
        imprint="Impressum",
        date="{day}. {month} {year}",
        months=_months("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    ),
    "fr": Words(
        by="Par ",
        two=" et ",
        comma=", ",
        last=" et ",
        minutes={"one": "{count} minute de lecture", "other": "{count} minutes de lecture"},
        original="Lire l’original",
        follow="Suivre",
        said_by="— ",
        why="Vous recevez ce message car vous êtes abonné à {newsletter}.",
        unsubscribe="Se désabonner",
        view="Voir dans le navigateur",
        contact="Contact",
        imprint="Mentions légales",
        date="{day} {month} {year}",
        colon="\u00a0: ",
        months=_months("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
        first="1er",
    ),
    "es": Words(
        by="Por ",
        two=" y ",
        comma=", ",
        last=" y ",
        minutes={"one": "{count} minuto de lectura", "other": "{count} minutos de lectura"},
        original="Leer el original",
        follow="Seguir",
        said_by="— ",
        why="Recibes este correo porque te suscribiste a {newsletter}.",
        unsubscribe="Darse de baja",
        view="Ver en el navegador",
        contact="Contacto",
        imprint="Aviso legal",
        date="{day} de {month} de {year}",
        months=_months("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    ),
    "pt": Words(
        by="Por ",
        two=" e ",
        comma=", ",
        last=" e ",
        minutes={"one": "{count} minuto de leitura", "other": "{count} minutos de leitura"},
        original="Ler o original",
        follow="Seguir",
        said_by="— ",
        why="Recebeu esta mensagem porque assinou {newsletter}.",
        unsubscribe="Cancelar a assinatura",
        view="Ver no navegador",
        contact="Contacto",
        imprint="Aviso legal",
        date="{day} de {month} de {year}",
        months=_months("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    ),
    "it": Words(
        by="Di ",
        two=" e ",
        comma=", ",
        last=" e ",
        minutes={"one": "{count} minuto di lettura", "other": "{count} minuti di lettura"},
        original="Leggi l’originale",
        follow="Segui",
        said_by="— ",
        why="Ricevi questa email perché hai sottoscritto {newsletter}.",
        unsubscribe="Annulla l’iscrizione",
        view="Apri nel browser",
        contact="Contatti",
        imprint="Note legali",
        date="{day} {month} {year}",
        months=_months("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
        first="1º",
    ),
    "nl": Words(
        by="Door ",
        two=" en ",
        comma=", ",
        last=" en ",
        minutes={"one": "{count} minuut leestijd", "other": "{count} minuten leestijd"},
        original="Lees het origineel",
        follow="Volgen",
        said_by="— ",
        why="Je krijgt deze mail omdat je geabonneerd bent op {newsletter}.",
        unsubscribe="Uitschrijven",
        view="Bekijk in de browser",
        contact="Contact",
        imprint="Colofon",
        date="{day} {month} {year}",
        months=_months("januari februari maart april mei juni juli augustus september oktober november december"),
    ),
    "pl": Words(
        by="Tekst: ",
        two=" i ",
        comma=", ",
        last=" i ",
        minutes={
            "one": "{count} minuta czytania",
            "few": "{count} minuty czytania",
            "other": "{count} minut czytania",
        },
        original="Przeczytaj oryginał",
        follow="Obserwuj",
        said_by="— ",
        why="Otrzymujesz tę wiadomość, bo subskrybujesz {newsletter}.",
        unsubscribe="Wypisz się",
        view="Zobacz w przeglądarce",
        contact="Kontakt",
        imprint="Nota prawna",
        date="{day} {month} {year}",
        months=_months(
            "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"
        ),
    ),
    "ja": Words(
        by="文：",
        two="、",
        comma="、",
        last="、",
        minutes={"other": "{count}分で読めます"},
        original="元の記事を読む",
        follow="フォローする",
        said_by="――",
        why="このメールは「{newsletter}」の購読者にお送りしています。",
        unsubscribe="配信停止",
        view="ブラウザで表示",
        contact="お問い合わせ",
        imprint="運営者情報",
        date="{year}年{month}月{day}日",
        colon="：",
    ),
    "ko": Words(
        by="글 ",
        two=", ",
        comma=", ",
        last=", ",
        minutes={"other": "읽는 시간 {count}분"},
        original="원문 보기",
        follow="팔로우",
        said_by="— ",
        why="{newsletter}을(를) 구독하셔서 보내 드리는 메일입니다.",
        unsubscribe="수신 거부",
        view="브라우저에서 보기",
        contact="문의하기",
        imprint="법적 고지",
        date="{year}년 {month}월 {day}일",
    ),
    "ar": Words(
        by="بقلم ",
        two=" و",
        comma="، ",
        last=" و",
        minutes={
            "one": "قراءة دقيقة واحدة",
            "two": "قراءة دقيقتين",
            "few": "قراءة {count} دقائق",
            "other": "قراءة {count} دقيقة",
        },
        original="قراءة الأصل",
        follow="متابعة",
        said_by="— ",
        why="تصلك هذه الرسالة لأنك مشترك في {newsletter}.",
        unsubscribe="إلغاء الاشتراك",
        view="عرض في المتصفح",
        contact="اتصل بنا",
        imprint="إشعار قانوني",
        date="{day} {month} {year}",
        months=_months("يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"),
    ),
    "he": Words(
        by="מאת ",
        two=" ו־",
        comma=", ",
        last=" ו־",
        minutes={"one": "דקת קריאה אחת", "two": "שתי דקות קריאה", "other": "{count} דקות קריאה"},
        original="למאמר המקורי",
        follow="מעקב",
        said_by="— ",
        why="ההודעה נשלחה אליך כי נרשמת אל {newsletter}.",
        unsubscribe="ביטול ההרשמה",
        view="הצגה בדפדפן",
        contact="יצירת קשר",
        imprint="הודעה משפטית",
        date="{day} ב{month} {year}",
        months=_months("ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר"),
    ),
}

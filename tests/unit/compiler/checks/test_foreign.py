"""Merge tags of other systems: each is found as a whole, and ordinary text is none."""

from __future__ import annotations

import pytest

from newsletter.compiler.checks.foreign import foreign_tags
from newsletter.compiler.checks.words import check_words
from newsletter.problem import Problem, Severity
from newsletter.source import parse_source

TAGS = """
*|FNAME|*  *|IF:MEMBER|*  *|END:IF|*  *|LIST:ADDRESS|*  *|MC:SUBJECT|*  *|DATE:d/m/y|*  *|UNSUB|*  *|ARCHIVE|*
*|fname|*  %%first_name%%  %%FirstName%%  %%checkout_url%%  %% name %%  %recipient.name%  %recipient.first_name%
%FIRSTNAME%  %unsubscribe_url%  %tag_unsubscribe_url%  %EMAIL%  %CUSTOM_FIELD%  [Name,fallback=]
[FIRSTNAME,fallback=there]  [firstname, fallback=reader]  [subscriber:firstname | default:reader]
[link:subscription_unsubscribe_url]  [contact_attribute:firstname]  [[name]]  [[data:firstname:"there"]]
[[firstname]]  [[contact.firstName]]  [[name mode="fu"]]  [%name%]  [% member:first_name %]  [UNSUBSCRIBE_LINK]
[FIRSTNAME]  [FIRST_NAME/there]  [LINK_UNSUBSCRIBE]  [NAME%%there]  [UNSUBSCRIBEURL]  [EMAIL]  [unsubscribe]
[Unsubscribe_Preferences]  [weblink]  <%= name %>  <%asm_group_unsubscribe_raw_url%>  <% if x %>
<%- first_name | "there" %>  {% if subscriber.name %}  {% endif %}  {%- for x in y -%}  {first_name, "reader"}
{first_name, “reader”}  { name, "you" }  {$unsubscribe}  {$name}  {!firstname_fix}  {!name "there"}
{contactfield=firstname}  {subtag:name}  {subscriber:name|part:first}  ${first_name}  $[FNAME|Subscriber]$  $FNAME$
$FIRST_NAME$  #recipient:name#  #unsubscribeLink#  ##name##  ##first.name##  @FIRSTNAME@  «First_Name»
«FirstName»  <<Last_Name>>  %%First Name%%  %%name%%
{first_name}  {unsubscribe_url}  {uuid}  {FIRSTNAME}  {view_in_browser}  {name}  {email}  [name]  [first name]  -name-
-first_name-
"""
ORDINARY = """
100 % of them  between 5% and 10% of it  50%–60%  a 20%/80% split  100%  5 %, 6 %  %d items  %s and %s  5*|x|  2*|x|*3
f = a*|b|*c  |a| * |b|  a || b  *|  |* |  **bold** | *italic*  [1]  [1][2]  [sic]  […]  [ ] open  [x] done
[name](https://e.example)  [unsubscribe](https://e.example)  [unsubscribe][leave]  [name]: https://e.example
[[1]](https://e.example)  [EU]  [CEO]  [PDF]  [VIDEO]  [USA]  [Anna, our editor]  [Update: now with maps]
[see: below]  {…}  {a, b}  {x | x > 0}  {1, 2, 3}  a {curly} word  {{ subscriber.name }}
{{ subscriber.name | default("x") }}  {{ link.view }}  $5 and $10  US$ 12  $HOME and $PATH  A$AP  10$ or 20$  $ name $
https://e.example/%E4%BD%A0%E5%A5%BD  https://e.example/a%20name%20b  https://e.example/?q=100%25  /first-name-last/
at 12:30  7:30–8:15  a ratio of 3:2  C# and F#  ## Heading ##  #hashtag #name  issue #12#  ##  ####  @name
@anna and @bob  me@example.org  @NASA@  <3  a < b > c  <b>  1 <% 2  ~~gone~~  ==mark==  a well-name-d thing
brand-name-drugs  - name - address -  --name--  user-name-field  -named-  « le nom »  «Anna»  “name”  'name'  (name)
name: Anna
<HookName>  snake_case_name  first_name  E=mc^2^  H~2~O  x ** y  Tom & Jerry  AT&T  Q&A  🎉  你好，{世界}  ％％  O(n²)
a/b/c  *|*  100 %% sure %%  50 %% and 60 %% of it  **|bold|**  **|Two words|**
"""


def each(table: str) -> list[str]:
    return [text for line in table.strip().split("\n") for text in line.split("  ")]


def words(text: str) -> list[Problem]:
    root, problems = parse_source(text.encode(), "f.yaml")
    assert root is not None, problems
    return list(check_words(root))


@pytest.mark.parametrize("tag", each(TAGS))
def test_tag_is_found_as_a_whole(tag: str) -> None:
    assert [found.text for found in foreign_tags(f"Dear {tag}, hello")] == [tag]


@pytest.mark.parametrize("text", each(ORDINARY))
def test_ordinary_text_is_none(text: str) -> None:
    assert [found.text for found in foreign_tags(f"So {text} it is.")] == []
    assert [found.text for found in foreign_tags(text)] == []


def test_each_tag_is_an_error_at_its_own_place_and_names_the_form_used_here() -> None:
    text = "title: '*|FNAME|*, hello'\nblocks:\n- text: |\n"
    text += "    Dear *|FNAME|* and *|FNAME|*,\n\n    leave: %unsubscribe_url%\n"
    found = words(text)
    assert [str(problem.place) for problem in found] == ["f.yaml:1:9", "f.yaml:4:10", "f.yaml:4:24", "f.yaml:6:12"]
    assert {(problem.id, problem.severity) for problem in found} == {("foreign-tag", Severity.ERROR)}
    assert all('{{ subscriber.name | default("there") }}' in problem.hint for problem in found)
    assert "{{ link.unsubscribe }}" in found[3].hint
    assert "Mailchimp" in found[0].message


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("{% include sponsor.html %}", "- snippet: name"), ("{%- render 'unsubscribe' -%}", "- snippet: name"),
        ("{% highlight swift %}", "lines of ```"), ("{% endraw %}", "lines of ```"),
        ("{% post_url 2020-05-21-issue %}", "whole address"), ("{% if x %}", "show_if"),
        ("{% for x in y %}", "no loops"),
    ],
)  # fmt: skip
def test_hint_is_about_what_the_tag_does(tag: str, hint: str) -> None:
    assert hint in words(f'blocks:\n- text: "{tag}"\n')[0].hint


@pytest.mark.parametrize(
    "text",
    [
        "blocks:\n- text: '`*|FNAME|*` and ``%FIRSTNAME%``'\n",
        "blocks:\n- text: |\n    ```\n    Dear *|FNAME|*, {% if x %}\n    ```\n",
        "blocks:\n- text: |\n    - one\n\n      ~~~\n      Dear [[name]]\n      ~~~\n",
        "blocks:\n- text: |\n    Code:\n\n        Dear <%= name %>\n",
        "blocks:\n- heading: 'What `{first_name}` means'\n",
        "blocks:\n- text: 'An escaped \\*|FNAME|*'\n",
    ],
)
def test_code_and_escapes_may_hold_tags(text: str) -> None:
    assert [problem for problem in words(text) if problem.id == "foreign-tag"] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("blocks: [{button: Go, url: 'https://e.example/?e=*|EMAIL|*'}]", "1:50"),
        ("blocks: [{text: '[x](https://e.example/?e=%%email%%)'}]", "1:43"),
        ("hero: {image: a.png, caption: 'by {name}'}", "1:35"),
        ("blocks: [{links: ['Dear $FNAME$']}]", "1:25"),
        ("blocks: [{quote: 'Dear ##name##', by: '[[name]]'}]", "1:24"),
        ("closing: 'Bye, *|FNAME|*'", "1:16"),
    ],
)
def test_tags_are_found_in_every_place(text: str, place: str) -> None:
    assert str(words(text)[0].place) == f"f.yaml:{place}"


COMMENTS = [
    ("blocks:\n- text: |\n    Fine.\n\n    <!-- for Bo -->\n", "5:5"),
    ("blocks:\n- text: |\n    Fine <!-- two\n    lines --> more\n", "3:10"),
    ("blocks:\n- text: |\n    Fine <!-- never closed\n", "3:10"),
    ("blocks:\n- text: |\n    - one\n    - <!-- in a list -->\n", "4:7"),
    ("blocks:\n- text: |\n    <!--\n\n    * [Title](https://e.example)\n\n    -->\n", "3:5"),
    ("blocks:\n- highlights:\n  - title: T\n    summary: 'a <!-- b -->'\n", "4:17"),
    ("blocks:\n- {image: a.png, alt: 'x <!-- y -->', caption: 'fine'}\n", "2:26"),
    ("blocks:\n- {image: a.png, alt: x, caption: 'a<!--b-->'}\n", "2:37"),
    ("title: 'A <!-- note -->'\n", "1:11"),
    ("blocks:\n- text: |\n    Fine <! -- note --> more\n", "3:10"),
    ("blocks:\n- text: |\n    Fine < !-- note -- > more\n", "3:10"),
    ("blocks:\n- text: |\n    Fine <!– note –> more\n", "3:10"),
    ("blocks:\n- text: |\n    Fine <! -- never closed\n", "3:10"),
    ("blocks:\n- links:\n  - '[a](https://e.example) <!-- check -->'\n", "3:29"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place"), COMMENTS)
def test_html_comment_is_an_error_where_it_opens(text: str, place: str) -> None:
    assert [(problem.id, str(problem.place)) for problem in words(text)] == [("html-comment", f"f.yaml:{place}")]


@pytest.mark.parametrize("comment", ["<!--more-->", "<!-- more -->", "<!-- excerpt -->", "<!-- Read more -->"])
def test_a_comment_that_ends_an_excerpt_becomes_read_more(comment: str) -> None:
    (problem,) = words(f"blocks:\n- text: |\n    One.\n\n    {comment}\n\n    Two.\n")
    assert "- read_more:" in problem.hint


def test_every_html_comment_is_told() -> None:
    found = words("blocks:\n- text: |\n    <!-- a --> b <!-- c\n    <!-- d -->\n")
    assert [str(problem.place) for problem in found] == ["f.yaml:3:5", "f.yaml:3:18", "f.yaml:4:5"]


@pytest.mark.parametrize(
    "text", ["`<!-- code -->`", "\\<!-- shown", "a <- b", "x <!x", "--> arrow", "`<! -- code -->`", "a <-- b"]
)
def test_no_comment_is_none(text: str) -> None:
    assert [problem.id for problem in words(f"blocks:\n- text: |\n    {text}\n")] == []


def test_curly_quotes_that_yaml_does_not_take_warn() -> None:
    (problem,) = words("subtitle: “from Word”\n")
    assert (problem.id, problem.severity, str(problem.place)) == ("curly-quotes", Severity.WARNING, "f.yaml:1:11")
    assert problem.hint == 'Quote this text: "from Word"'


@pytest.mark.parametrize("text", ['"“meant”"', "“A” and “B”", "He said “no”", "Ana’s"])
def test_curly_quotes_that_are_meant_do_not(text: str) -> None:
    assert words(f"subtitle: {text}\n") == []


@pytest.mark.parametrize("tag", ["***|FNAME|***", "**|FNAME|**", "_*|FNAME|*_"])
def test_emphasised_tag_is_found(tag: str) -> None:
    assert [found.text for found in foreign_tags(tag)] == ["*|FNAME|*"]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("C<T> generics", Severity.WARNING),
        ("List<A> and Promise<void>", Severity.WARNING),
        ("text<b>bold</b>", Severity.ERROR),
        ("C<T> and <br/> here", Severity.ERROR),
        ("a <A HREF='x'> b", Severity.ERROR),
    ],
)
def test_only_elements_of_html_are_errors(text: str, severity: Severity) -> None:
    assert {problem.severity for problem in words(f"blocks:\n- text: |\n    {text}\n")} == {severity}

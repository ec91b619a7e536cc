"""Pictures from the author's file to what readers load, through `newsletter build` and `newsletter check`."""

from __future__ import annotations

import io
import json
import os
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw
from writing import CONFIG

from newsletter.cli.main import cli

HEAD = 'title: "Pictures"\ndate: 2026-11-27\nlanguage: en\nblocks:\n  - text: "Five pictures of this week."\n'


def photograph(width: int, height: int, **colours: tuple[int, int, int]) -> Image.Image:
    """Soft grain in grey; a colour fills the quarter on its side: left, right, top, bottom."""
    noise = Image.frombytes("L", (64, 64), random.Random(width).randbytes(64 * 64))
    image = Image.merge("RGB", [noise.resize((width, height), Image.Resampling.BICUBIC)] * 3)
    sides = {"left": (0, 0, width // 4, height), "right": (width * 3 // 4, 0, width, height),
             "top": (0, 0, width, height // 4), "bottom": (0, height * 3 // 4, width, height)}  # fmt: skip
    for side, colour in colours.items():
        ImageDraw.Draw(image).rectangle(sides[side], fill=colour)
    return image


def articles(*pictures: str) -> str:
    rows = (f"      - title: Article {n}\n        url: https://example.org/{n}\n        alt: A\n        {picture}\n"
            for n, picture in enumerate(pictures))  # fmt: skip
    return "  - highlights:\n" + "".join(rows)


class Desk:
    """A project with one issue; its commands run with a cache of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.issue, self.cache = folder / "project", folder / "project/issues/five", folder / "cache"
        self.issue.mkdir(parents=True)
        (self.folder / "newsletter.toml").write_text(CONFIG, encoding="utf-8")

    def write(self, blocks: str) -> None:
        (self.issue / "issue.yaml").write_text(HEAD + blocks, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        environment = {"XDG_CACHE_HOME": str(self.cache)}
        return CliRunner().invoke(cli, ["-C", str(self.folder), *arguments], env=environment)

    def build(self, out: str = "out") -> Mapping[str, bytes]:
        """Name → bytes of the pictures that readers load."""
        folder = self.folder.parent / out
        result = self.run("build", "--out", str(folder))
        assert result.exit_code == 0, result.output
        return {file.name: file.read_bytes() for file in sorted((folder / "assets").iterdir())}

    def shown(self, out: str = "out") -> list[tuple[int, int, Image.Image]]:
        """Every picture of the email: width and height as shown, and what is loaded."""
        html = (self.folder.parent / out / "five/en.html").read_text(encoding="utf-8")
        found: list[tuple[int, int, Image.Image]] = []
        for tag in re.findall(r"<img [^>]*assets/[^>]*>", html):
            facts = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            image = Image.open(io.BytesIO((self.folder.parent / out / "five" / facts["src"]).read_bytes()))
            found.append((int(facts["width"]), int(facts["height"]), image))
        return found

    def problems(self) -> list[tuple[str, str]]:
        """Rule and place of what `check` finds about pictures."""
        told = json.loads(self.run("check", "--format", "json").stdout)
        rules = ("picture", "image", "ratio", "heavy", "focus", "file", "frame")
        return [
            (one["id"], f"{one['line']}:{one['column']}") for one in told if any(rule in one["id"] for rule in rules)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def pixel(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    found = image.convert("RGB").getpixel((int(image.width * x), int(image.height * y)))
    assert isinstance(found, tuple)
    return found


def is_red(colour: tuple[int, ...]) -> bool:
    return colour[0] > 150 and max(colour[1:]) < 100


RED = (220, 20, 20)


def test_photograph_of_a_phone_is_turned_upright_and_says_nothing_of_its_place(desk: Desk) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "A maker of phones"
    photograph(1200, 800, left=RED).save(desk.issue / "rot.jpg", exif=exif)
    desk.write('  - image: rot.jpg\n    alt: "A photo taken with the phone on its side"\n')
    ((_, data),) = desk.build().items()
    ((width, height, image),) = desk.shown()
    assert width > 480
    assert (height, image.size) == (round(width * 1.5), (800, 1200))
    assert is_red(pixel(image, 0.5, 0.05))
    assert not image.getexif()
    assert b"phones" not in data


def test_pictures_of_one_block_get_one_ratio(desk: Desk) -> None:
    for name, size in {"a.jpg": (1600, 900), "b.jpg": (900, 1200), "c.jpg": (3000, 600)}.items():
        photograph(*size).save(desk.issue / name)
    desk.write(articles("image: a.jpg", "image: b.jpg", "image: c.jpg") + "      - image: a.jpg\n        alt: A\n")
    files = desk.build()
    *shown, (*_, between) = desk.shown()
    ratio = shown[0][2].width / shown[0][2].height
    assert abs(between.width / between.height - 16 / 9) < 0.02  # a picture between articles stays whole
    assert all(abs(image.width / image.height / ratio - 1) < 0.02 for *_, image in shown)
    assert all(abs(width - height * ratio) <= ratio for width, height, _ in shown)
    assert len(files) >= 3
    assert desk.problems() == []


@pytest.mark.parametrize(
    ("focus", "side", "ratio"),
    [("top", "top", (900, 1800)), ("bottom", "bottom", (900, 1800)), ("left", "left", (2400, 600)),
     ("right", "right", (2400, 600)), ('"0% 0%"', "top", (900, 1800)), ("100% 50%", "right", (2400, 600))],
)  # fmt: skip
def test_focus_is_what_cropping_keeps(desk: Desk, focus: str, side: str, ratio: tuple[int, int]) -> None:
    width, height = ratio
    photograph(width, height, **{side: RED}).save(desk.issue / "my photo.jpg")
    desk.write(articles(f"image: my photo.jpg\n        focus: {focus}", "image: my photo.jpg"))
    files = desk.build()
    at = {"top": (0.5, 0.05), "bottom": (0.5, 0.95), "left": (0.05, 0.5), "right": (0.95, 0.5)}[side]
    (_, _, focused), (_, _, centred) = desk.shown()
    assert (is_red(pixel(focused, *at)), is_red(pixel(centred, *at))) == (True, False)
    assert len(files) == 2


@pytest.mark.parametrize("focus", ["middle", "30%", "30% 120%", "30 20", "top left", '""', "-5% 10%"])
def test_focus_that_is_none_is_a_problem_at_its_place(desk: Desk, focus: str) -> None:
    photograph(600, 400).save(desk.issue / "a.jpg")
    desk.write(f"  - image: a.jpg\n    alt: A\n    focus: {focus}\n")
    assert desk.problems() == [("bad-focus", "8:12")]


@pytest.mark.parametrize(("kind", "suffix"), [("webp", "jpg"), ("avif", "jpg"), ("png", "jpg"), ("jpeg", "jpg")])
def test_photograph_of_any_kind_is_loaded_as_a_light_jpeg(desk: Desk, kind: str, suffix: str) -> None:
    photograph(3000, 2000).save(desk.issue / f"a.{kind}", quality=95)
    desk.write(f"  - image: a.{kind}\n    alt: A\n")
    ((name, data),) = desk.build().items()
    ((width, height, image),) = desk.shown()
    assert width > 480
    assert (height, image.size, image.format) == (round(width / 1.5), (2 * width, round(2 * width / 1.5)), "JPEG")
    assert name.endswith(f".{suffix}")
    assert len(data) <= 200_000


def test_drawing_that_can_be_seen_through_is_loaded_as_png(desk: Desk) -> None:
    drawing = Image.new("RGBA", (1200, 400), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).ellipse((100, 50, 500, 350), fill=RED)
    drawing.save(desk.issue / "a.webp", lossless=True)
    desk.write("  - image: a.webp\n    alt: A\n")
    desk.build()
    ((_, _, image),) = desk.shown()
    corner = image.convert("RGBA").getpixel((0, 0))
    assert (image.format, corner) == ("PNG", (0, 0, 0, 0))


def test_small_picture_is_not_enlarged(desk: Desk) -> None:
    photograph(120, 60).save(desk.issue / "a.jpg")
    desk.write(articles("image: a.jpg"))
    desk.build()
    ((width, height, image),) = desk.shown()
    assert (width, height) == image.size
    assert 60 in image.size


def test_avatar_is_a_square(desk: Desk) -> None:
    photograph(1000, 500, left=RED).save(desk.issue / "ana.jpg")
    desk.write("  - text: b\nauthor: {name: Ana, avatar: ana.jpg}\n")
    desk.build()
    ((width, height, image),) = desk.shown()
    assert (width, height, image.size) == (40, 40, (80, 80))


def animation(file: Path, frames: int, size: tuple[int, int] = (320, 240)) -> None:
    noise = random.Random(3)
    images = [Image.frombytes("P", size, noise.randbytes(size[0] * size[1])) for _ in range(frames)]
    for image in images:
        image.putpalette(bytes(range(256)) * 3)
    images[0].save(file, save_all=True, append_images=images[1:])


def test_animation_is_left_as_it_is(desk: Desk) -> None:
    animation(desk.issue / "a.gif", 3)
    desk.write("  - image: a.gif\n    alt: A\n")
    ((name, data),) = desk.build().items()
    assert data == (desk.issue / "a.gif").read_bytes()
    assert name.endswith(".gif")
    assert desk.problems() == [("small-picture", "6:12")]


def test_heavy_animation_is_said_once_at_its_line(desk: Desk) -> None:
    animation(desk.issue / "a.gif", 14)
    desk.write("  - image: a.gif\n    alt: A\n  - image: a.gif\n    alt: A\n")
    found = [problem for problem in desk.problems() if problem[0] != "small-picture"]
    assert found == [("heavy-issue", "1:1"), ("heavy-picture", "6:12")]


def test_animation_that_begins_empty_is_told(desk: Desk) -> None:
    frames = [Image.new("RGB", (1200, 600), "white") for _ in range(2)]
    frames[1].paste("#224466", (100, 100, 900, 500))
    frames[0].save(desk.issue / "a.gif", save_all=True, append_images=frames[1:])
    frames[1].save(desk.issue / "b.gif", save_all=True, append_images=frames[:1])
    desk.write("  - image: b.gif\n    alt: B\n  - image: a.gif\n    alt: A\n")
    assert desk.problems() == [("bare-first-frame", "8:12")]


def test_pictures_that_together_are_heavy_are_told(desk: Desk) -> None:
    grain = random.Random(4)
    for number in range(6):
        image = Image.frombytes("L", (1072, 603), grain.randbytes(1072 * 603)).convert("RGB")
        Image.blend(image, Image.new("RGB", image.size, "gray"), 0.6).save(desk.issue / f"{number}.jpg", quality=95)
    desk.write("".join(f"  - image: {number}.jpg\n    alt: A\n" for number in range(6)))
    assert all(len(data) <= 200_000 for data in desk.build().values())
    assert desk.problems() == [("heavy-issue", "1:1")]


def test_pictures_of_several_ratios_in_one_block_are_told(desk: Desk) -> None:
    animation(desk.issue / "a.gif", 2, (1072, 300))
    photograph(1200, 900).save(desk.issue / "b.jpg")
    desk.write(articles("image: b.jpg", "image: a.gif", "image: b.jpg"))
    assert [problem for problem in desk.problems() if problem[0] != "heavy-issue"] == [("mixed-ratios", "14:16")]


def test_template_that_does_not_crop_is_told(desk: Desk) -> None:
    for name, size in {"a.jpg": (1600, 900), "b.jpg": (1500, 1200)}.items():
        photograph(*size).save(desk.issue / name)
    blocks = desk.folder / "templates/blocks"
    blocks.mkdir(parents=True)
    (blocks / "highlights.mjml.j2").write_text(
        "<mj-section><mj-column>{% for one in block.items %}{% set shown = image(one.picture, 500) %}"
        '<mj-image src="{{ shown.url }}" width="{{ shown.width }}px" alt="{{ one.picture.alt }}" />'
        '<mj-text><a href="{{ one.url }}">{{ one.title }}</a></mj-text>{% endfor %}</mj-column></mj-section>',
        encoding="utf-8",
    )
    desk.write(articles("image: a.jpg", "image: b.jpg"))
    assert desk.problems() == [("mixed-ratios", "14:16")]


def test_tower_is_told(desk: Desk) -> None:
    photograph(600, 6000).save(desk.issue / "a.jpg")
    desk.write("  - image: a.jpg\n    alt: A\n")
    assert ("tall-picture", "6:12") in desk.problems()


@pytest.mark.parametrize("asked", ['image(block.picture, 500, "wide")', "image(block.picture, 0)"])
def test_template_that_asks_for_nonsense_is_blamed(desk: Desk, asked: str) -> None:
    photograph(600, 600).save(desk.issue / "a.jpg")
    blocks = desk.folder / "templates/blocks"
    blocks.mkdir(parents=True)
    (blocks / "image.mjml.j2").write_text("\n{{ " + asked + ".url }}", encoding="utf-8")
    desk.write("  - image: a.jpg\n    alt: A\n")
    (problem,) = [one for one in json.loads(desk.run("check", "--format", "json").stdout) if one["id"] == "template"]
    assert (problem["file"], problem["line"]) == ("templates/blocks/image.mjml.j2", 2)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.heic", b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + b"\0" * 500, "Export it as JPEG"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 500, "not an image"),
    ],
)
def test_picture_that_cannot_be_used_is_a_problem_with_a_remedy(desk: Desk, name: str, data: bytes, said: str) -> None:
    (desk.issue / name).write_bytes(data)
    desk.write(f"  - image: {name}\n    alt: A\n")
    assert desk.problems() == [("bad-image", "6:12")]
    assert said in desk.run("check").output


def photos(desk: Desk) -> None:
    for name in ("a", "b"):
        photograph(1500, 1000 + 10 * ord(name)).save(desk.issue / f"{name}.jpg")
    desk.write(articles("image: a.jpg", "image: b.jpg\n        focus: top"))


def test_build_gives_the_same_bytes_with_and_without_a_cache(desk: Desk) -> None:
    photos(desk)
    cold, warm = desk.build(), desk.build("warm")
    kept = sorted((desk.cache / "newsletter/pictures").iterdir())
    assert [file.name for file in kept] == list(cold)
    assert all(file.stat().st_mode & 0o077 == 0 for file in kept)
    for file in kept:
        file.unlink()
    again = desk.build("again")
    desk.cache = Path("/proc/nowhere")
    assert cold == warm == again == desk.build("uncached")


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def alter(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def link(file: Path) -> None:
    target = file.with_name("elsewhere")
    file.rename(target)
    file.symlink_to(target)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("harm", [damage, alter, empty, link, pipe])
def test_cached_picture_that_was_tampered_with_is_made_again(desk: Desk, harm: Any) -> None:
    photos(desk)
    first = desk.build()
    for name in first:
        harm(desk.cache / "newsletter/pictures" / name)
    assert desk.build("again") == first
    assert all((desk.cache / "newsletter/pictures" / name).is_file() for name in first)
    assert not any((desk.cache / "newsletter/pictures" / name).is_symlink() for name in first)


def test_pictures_not_used_for_long_leave_the_cache(desk: Desk) -> None:
    for number, name in enumerate("abc"):
        photograph(900 + number, 600).save(desk.issue / f"{name}.jpg")
    folder = desk.cache / "newsletter/pictures"

    def kept_after(names: str) -> set[str]:
        desk.write("".join(f"  - image: {name}.jpg\n    alt: A\n" for name in names))
        desk.build(names)
        return {file.name for file in folder.iterdir()}

    a, both = kept_after("a"), kept_after("ab")
    for name in both:
        os.utime(folder / name, (0, 0))
    assert kept_after("a") == both  # nothing was made, so nothing was removed
    left = kept_after("ac")
    assert (len(a), len(both), len(left)) == (1, 2, 2)
    assert a < left

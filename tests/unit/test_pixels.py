from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw

from newsletter.pixels import ImageFacts, UnfitImageError, derive, examine

LIMIT = 200_000
CORNERS = {"red": (0, 0), "lime": (1, 0), "blue": (0, 1), "yellow": (1, 1)}
"""Colour of each quarter → its column and row."""


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def quarters(width: int = 80, height: int = 40) -> Image.Image:
    image = Image.new("RGB", (width, height))
    for colour, (x, y) in CORNERS.items():
        part = (x * width // 2, y * height // 2, (x + 1) * width // 2, (y + 1) * height // 2)
        ImageDraw.Draw(image).rectangle(part, fill=colour)
    return image


def photograph(width: int = 640, height: int = 480, seed: int = 1, grain: int = 24) -> Image.Image:
    """Soft shapes with grain over them."""
    noise = random.Random(seed)
    small = Image.frombytes("RGB", (16, 12), noise.randbytes(16 * 12 * 3)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    over = Image.frombytes("L", (width, height), noise.randbytes(width * height))
    grained = Image.eval(over, lambda value: value * grain // 256).convert("RGB")
    return Image.blend(small, grained, grain / 255)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def whole(data: bytes, most: int = LIMIT) -> Image.Image:
    """What is made of an image in its own size."""
    facts = examine(data)
    size = (facts.width, facts.height)
    return opened(derive(data, (0, 0, *size), size, facts.suffix, most))


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    found = image.convert("RGBA").getpixel(at)
    assert isinstance(found, tuple)
    return found


def is_near(found: tuple[int, ...], wanted: tuple[int, ...], most: int = 12) -> bool:
    return all(abs(a - b) <= most for a, b in zip(found, wanted, strict=False))


TURN_BACK = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", TURN_BACK)
def test_picture_is_turned_upright(orientation: int, kind: str) -> None:
    back = TURN_BACK[orientation]
    stored = quarters() if back is None else quarters().transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = saved(stored, kind, exif=exif, **options)
    facts = examine(data)
    assert (facts.width, facts.height) == (80, 40)
    for scale in (1, 2):
        made = opened(derive(data, (0, 0, 80, 40), (80 // scale, 40 // scale), facts.suffix, LIMIT))
        found = {
            colour: pixel(made, (made.width * (1 + 2 * x) // 4, made.height * (1 + 2 * y) // 4))
            for colour, (x, y) in CORNERS.items()
        }
        assert is_near(found["red"], (255, 0, 0), 40)
        assert is_near(found["lime"], (0, 255, 0), 40)
        assert is_near(found["blue"], (0, 0, 255), 40)
        assert is_near(found["yellow"], (255, 255, 0), 40)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientation_that_is_none_turns_nothing(value: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert examine(saved(quarters(), "JPEG", exif=exif)).width == 80


@pytest.mark.filterwarnings("ignore")  # the program ignores what Pillow warns of; pytest undoes that
def test_damaged_metadata_costs_no_picture() -> None:
    data = saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03" * 9)
    assert whole(data).size == (80, 40)


def test_part_of_a_picture_is_cut_out_of_the_upright_one() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(quarters(800, 400).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    made = opened(derive(data, (400, 0, 800, 200), (100, 50), "jpg", LIMIT))
    assert made.size == (100, 50)
    assert is_near(pixel(made, (50, 25)), (0, 255, 0), 20)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_metadata_is_removed(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a private word"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, Any] = {"comment": b"a private word"} if kind == "JPEG" else {}
    data = saved(quarters(), kind, exif=exif, icc_profile=profile, xmp=b"<x>a private word</x>", **options)
    facts = examine(data)
    made = derive(data, (0, 0, 80, 40), (80, 40), facts.suffix, LIMIT)
    assert b"private word" in data
    assert b"private word" not in made
    assert set(opened(made).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}


def with_red_and_green_swapped() -> bytes:
    """A colour profile in which red is sRGB's green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_follow_the_profile(mode: str) -> None:
    image = Image.new("RGBA" if mode == "RGBA" else "RGB", (8, 8), (255, 0, 0, 128) if mode == "RGBA" else (255, 0, 0))
    data = saved(image.convert(mode), "PNG", icc_profile=with_red_and_green_swapped())
    assert is_near(pixel(whole(data), (4, 4)), (0, 255, 0, 128 if mode == "RGBA" else 255))


def test_profile_that_does_not_fit_is_ignored() -> None:
    for profile in (b"nonsense", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()):
        data = saved(Image.new("RGB", (8, 8), "red"), "PNG", icc_profile=profile)
        assert is_near(pixel(whole(data), (4, 4)), (255, 0, 0))


def grey16(value: int) -> bytes:
    return saved(Image.frombytes("I;16", (4, 4), struct.pack("<H", value) * 16), "PNG")


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), (254, 0, 0, 255)),
        (saved(Image.new("L", (8, 8), 100), "JPEG"), (100, 100, 100, 255)),
        (grey16(100 * 257), (100, 100, 100, 255)),
        (grey16(65535), (255, 255, 255, 255)),
        (saved(Image.new("1", (8, 8), 1), "PNG"), (255, 255, 255, 255)),
        (saved(Image.new("LA", (8, 8), (100, 40)), "PNG"), (100, 100, 100, 40)),
        (saved(Image.new("RGB", (8, 8), "navy").quantize(4), "PNG"), (0, 0, 128, 255)),
        (saved(Image.new("RGB", (8, 8), "navy").quantize(4), "GIF"), (0, 0, 128, 255)),
        (saved(Image.new("RGB", (8, 8), "navy"), "PNG", transparency=(0, 0, 128)), (0, 0, 128, 0)),
        (saved(Image.new("RGBA", (8, 8), (0, 0, 128, 90)), "WEBP", lossless=True), (0, 0, 128, 90)),
        (saved(Image.new("RGBA", (8, 8), (0, 0, 128, 90)), "AVIF"), (0, 0, 128, 90)),
    ],
    ids=["cmyk", "grey", "16-bit", "16-bit white", "bits", "grey-alpha", "palette", "gif", "key", "webp", "avif"],
)  # fmt: skip
def test_every_kind_of_pixels_keeps_its_colours(data: bytes, colour: tuple[int, ...]) -> None:
    assert is_near(pixel(whole(data), (2, 2)), colour)


def chart() -> Image.Image:
    image = Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(image)
    for number in range(12):
        draw.rectangle((60 + 70 * number, 560 - 40 * number, 100 + 70 * number, 560), fill=(30, 90, 20 * number))
        draw.text((60 + 70 * number, 570), f"week {number}", fill="black")
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_photograph_becomes_a_jpeg_and_a_drawing_stays_png(kind: str) -> None:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    assert examine(saved(photograph(), kind, **lossless)).suffix == "jpg"
    assert examine(saved(photograph().convert("L"), kind, **lossless)).suffix == "jpg"
    assert examine(saved(photograph().convert("RGBA"), kind, **lossless)).suffix == "jpg"
    assert examine(saved(chart(), kind, **lossless)).suffix == "png"


def test_what_can_be_seen_through_stays_png() -> None:
    image = photograph().convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    data = saved(image, "PNG")
    assert examine(data).suffix == "png"
    assert pixel(whole(data), (0, 0))[3] == 0


def test_picture_is_light_and_as_large_as_that_allows() -> None:
    heavy = photograph(1072, 804, grain=255)
    for data, most in (
        (saved(photograph(1072, 804), "JPEG", quality=97), LIMIT),
        (saved(heavy, "JPEG", quality=97), LIMIT),
        (saved(heavy.convert("RGBA"), "WEBP", lossless=True), 120_000),
    ):
        made = derive(data, (0, 0, 1072, 804), (1072, 804), "jpg", most)
        assert len(made) <= most
        assert opened(made).width >= 536
    calm = derive(saved(photograph(1072, 804), "JPEG", quality=97), (0, 0, 1072, 804), (1072, 804), "jpg", LIMIT)
    assert opened(calm).size == (1072, 804)


def test_picture_that_cannot_be_light_is_the_lightest() -> None:
    data = saved(photograph(400, 300, grain=255), "PNG")
    made = opened(derive(data, (0, 0, 400, 300), (400, 300), "jpg", 100))
    assert made.size == (200, 150)


def test_transparent_picture_gets_fewer_colours_before_fewer_pixels() -> None:
    image = photograph(536, 400).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = saved(image, "PNG")
    assert len(data) > LIMIT
    made = derive(data, (0, 0, 536, 400), (536, 400), "png", LIMIT)
    assert (opened(made).mode, opened(made).size, len(made) <= LIMIT) == ("P", (536, 400), True)
    assert is_near(pixel(opened(made), (300, 399)), pixel(image, (300, 399)), 40)


def test_same_input_gives_same_bytes() -> None:
    data = saved(photograph(), "JPEG")
    assert len({derive(data, (10, 10, 600, 400), (200, 132), "jpg", LIMIT) for _ in range(3)}) == 1


def animation(frames: int = 3) -> bytes:
    images = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")[:frames]]
    return saved(images[0], "GIF", save_all=True, append_images=images[1:])


def test_animated_gif_is_an_animation_and_others_are_their_first_frame() -> None:
    assert examine(animation()) == ImageFacts(60, 40, "gif")
    assert examine(animation(1)).suffix == "png"
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue")]
    for kind in ("WEBP", "PNG", "AVIF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert is_near(pixel(whole(data), (30, 20)), (255, 0, 0))


def test_photograph_of_a_phone_with_a_second_image_is_a_photograph() -> None:
    data = saved(photograph(), "MPO", save_all=True, append_images=[photograph(64, 48)])
    assert examine(data) == ImageFacts(640, 480, "jpg")
    assert whole(data).size == (640, 480)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF"])
def test_cut_off_image_is_refused(kind: str) -> None:
    data = saved(photograph(120, 90, grain=255), kind)
    for cut in (len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(UnfitImageError, match=r"cut off|not an image"):
            examine(data[:cut])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "MPO"])
@pytest.mark.filterwarnings("ignore")
def test_damage_raises_nothing_else(kind: str) -> None:
    chance = random.Random(7)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(photograph(60, 40), kind, **({"exif": exif} if kind not in ("GIF", "MPO") else {}))
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with suppress(UnfitImageError):
            assert whole(bytes(damaged)).size


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    "make",
    [
        lambda: png_header(9000, 9000), lambda: png_header(60000, 60000),
        lambda: png_header(40000, 10), lambda: png_header(10, 40000),
        lambda: saved(Image.new("L", (8000, 8000)), "WEBP", method=0),
        lambda: saved(Image.new("1", (8000, 7000)), "GIF"),
    ],
    ids=["png", "huge", "wide", "tall", "webp", "gif"],
)  # fmt: skip
def test_image_that_would_fill_the_memory_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(UnfitImageError, match="50 million pixels") as caught:
        examine(make())
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "said", "hint"),
    [
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + b"\0" * 200, "HEIC", "Most Compatible"),
        (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heic" + b"\0" * 200, "HEIC", "as JPEG"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "PNG"),
        (saved(Image.new("RGB", (4, 4)), "BMP"), "BMP", "JPEG"),
        (saved(Image.new("RGB", (4, 4)), "TIFF"), "TIFF", "JPEG"),
        (b"", "not an image", "JPEG"),
    ],
    ids=["heic", "mif1", "svg", "bmp", "tiff", "empty"],
)
def test_other_images_are_refused_with_a_remedy(data: bytes, said: str, hint: str) -> None:
    with pytest.raises(UnfitImageError, match=said) as caught:
        examine(data)
    assert hint in caught.value.hint


def gif(*frames: Image.Image) -> bytes:
    return saved(frames[0], "GIF", save_all=True, append_images=list(frames[1:]), disposal=2)


def drawn(
    share: float = 1.0, ground: str | tuple[int, ...] = "white", ink: str = "#224466", mode: str = "RGB"
) -> Image.Image:
    """Stripes over a part of a ground."""
    image = Image.new(mode, (120, 80), ground)
    for x in range(0, int(120 * share), 4):
        image.paste(ink, (x, 10, x + 2, 70))
    return image


@pytest.mark.parametrize(
    ("frames", "is_bare"),
    [
        ([drawn(0), drawn(0.5), drawn()], True),
        ([drawn(0.05), drawn()], True),
        ([drawn(ink="#f4f4f8"), drawn(ink="#8899aa"), drawn()], True),
        ([drawn(0, (0, 0, 0, 0), mode="RGBA"), drawn(1, (0, 0, 0, 0), mode="RGBA")], True),
        ([drawn(), drawn(0.5), drawn(0)], False),
        ([drawn(0.5), drawn()], False),
        ([drawn(0.9, "black", "#ffffff"), drawn()], False),
        ([Image.new("RGB", (120, 80), colour) for colour in ("red", "blue")], False),
    ],
    ids=["blank", "a bit", "fades in", "transparent", "whole", "half", "inverted", "plain colours"],
)
def test_animation_that_begins_with_next_to_nothing_is_bare(frames: list[Image.Image], is_bare: bool) -> None:
    facts = examine(gif(*frames))
    assert facts.suffix == "gif"
    assert facts.is_bare_at_first is is_bare


def test_animation_of_too_many_frames_is_refused() -> None:
    """Each frame costs time, however few bytes it has."""
    start = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"  # 1 × 1 pixel, black and white
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    assert examine(start + frame * 3 + b";").suffix == "gif"
    with pytest.raises(UnfitImageError, match="1,001 frames"):
        examine(start + frame * 1001 + b";")

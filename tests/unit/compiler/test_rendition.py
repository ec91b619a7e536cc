from __future__ import annotations

from dataclasses import dataclass

import pytest

from newsletter.compiler.rendition import rendition


@dataclass(frozen=True)
class Sized:
    width: int
    height: int
    suffix: str = "jpg"
    sha256: str = "00" * 32


@pytest.mark.parametrize(
    ("image", "width", "shown", "size"),
    [
        ((4000, 3000), 536, (536, 402), (1072, 804)),
        ((800, 1200), 536, (536, 804), (800, 1200)),
        ((1072, 603), 536, (536, 302), (1072, 603)),
        ((300, 300), 536, (300, 300), (300, 300)),
        ((1, 1), 536, (1, 1), (1, 1)),
        ((3000, 30), 536, (536, 5), (1072, 11)),
        ((30000, 1), 40, (40, 1), (80, 1)),
        ((300, 3000), 536, (300, 3000), (300, 3000)),
        ((4000, 3000), 267.5, (267, 200), (534, 400)),
    ],
)
def test_picture_keeps_its_ratio_and_is_never_enlarged(
    image: tuple[int, int], width: float, shown: tuple[int, int], size: tuple[int, int]
) -> None:
    made = rendition(Sized(*image), width)
    assert (made.box, (made.width, made.height), made.size) == ((0, 0, *image), shown, size)


@pytest.mark.parametrize(
    ("image", "ratio", "focus", "box"),
    [
        ((1600, 900), "16:9", "", (0, 0, 1600, 900)),
        ((900, 1200), "16:9", "", (0, 347, 900, 853)),
        ((1500, 300), "16:9", "", (484, 0, 1017, 300)),
        ((900, 1200), "16:9", "50% 0%", (0, 0, 900, 506)),
        ((900, 1200), "16:9", "50% 100%", (0, 694, 900, 1200)),
        ((1500, 300), "16:9", "0% 50%", (0, 0, 533, 300)),
        ((1500, 300), "16:9", "100% 50%", (967, 0, 1500, 300)),
        ((1000, 1000), 2, "30% 20%", (0, 100, 1000, 600)),
        ((1000, 400), "1:1", "30% 20%", (180, 0, 580, 400)),
        ((1000, 400), 1.0, "33.3% 20%", (200, 0, 600, 400)),
        ((1, 1), "16:9", "", (0, 0, 1, 1)),
        ((3, 1000), "16:9", "50% 100%", (0, 998, 3, 1000)),
    ],
)
def test_picture_is_cropped_around_its_focus(
    image: tuple[int, int], ratio: str | float, focus: str, box: tuple[int, int, int, int]
) -> None:
    assert rendition(Sized(*image), 536, ratio, focus).box == box


@pytest.mark.parametrize("image", [(1600, 900), (900, 1200), (1500, 300), (4032, 3024), (1201, 1199)])
def test_pictures_of_one_ratio_are_shown_in_one_size(image: tuple[int, int]) -> None:
    made = rendition(Sized(*image), 500, "16:9")
    assert (made.width, made.height) == (500, 281)
    assert made.size[0] <= 1000
    assert abs(made.size[0] / made.size[1] - 16 / 9) < 0.01


def test_name_depends_on_what_is_made() -> None:
    image = Sized(4000, 3000)
    names = [
        rendition(image, 500).name,
        rendition(image, 400).name,
        rendition(image, 500, "1:1").name,
        rendition(image, 500, "2:1", "50% 0%").name,
        rendition(image, 500, "1:1", "0% 50%").name,
        rendition(Sized(4000, 3000, sha256="01" * 32), 500).name,
    ]
    assert len(set(names)) == len(names)
    assert all(name.endswith(".jpg") and len(name) == 36 for name in names)
    assert rendition(image, 500, "1:1", "50% 50%") == rendition(image, 500, 1, "")


def test_animation_is_left_as_it_is() -> None:
    made = rendition(Sized(800, 400, "gif"), 500, "1:1", "0% 0%")
    assert (made.box, made.size, made.width, made.height) == ((0, 0, 800, 400), (800, 400), 500, 250)
    assert made.name == rendition(Sized(800, 400, "gif"), 100).name


@pytest.mark.parametrize(
    "ratio", ["wide", "16:0", "0:9", "-1", "", ":", "16:9:1", 0, float("nan"), "inf", [], True + 1e9]
)
def test_what_is_no_ratio_is_refused(ratio: str | float) -> None:
    with pytest.raises(ValueError, match="a ratio looks like"):
        rendition(Sized(100, 100), 50, ratio)


@pytest.mark.parametrize("width", [0, -5, float("nan"), "536", None, True])
def test_what_is_no_width_is_refused(width: float) -> None:
    with pytest.raises(ValueError, match="the width of an image"):
        rendition(Sized(100, 100), width)

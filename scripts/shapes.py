"""The shapes that the project's pictures are made of: skies, ridges, suns, people. Used by draw_images.py.

Each draws on a canvas `OVER` times larger than the final picture; colours are RGB, lengths are pixels of the canvas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

OVER = 2
"""How much larger than the final picture we draw."""

NIGHT, PLUM, ROSE, CORAL, PEACH, CREAM = (
    (27, 36, 66), (78, 63, 116), (173, 90, 122), (232, 131, 104), (246, 190, 145), (253, 236, 210),
)  # fmt: skip
INK, TEAL, SAND, SEA = (22, 26, 44), (49, 122, 128), (240, 226, 203), (34, 78, 98)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour `share` of the way from `one` to `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def steps(count: int) -> list[float]:
    """`count` numbers from 0 to 1."""
    return [number / (count - 1) for number in range(count)]


def sky(size: tuple[int, int], stops: Sequence[tuple[float, Colour]], over: int = OVER) -> Image.Image:
    """A canvas with a vertical run of colours; `stops` are (share of the height, colour)."""
    width, height = size[0] * over, size[1] * over
    column = Image.new("RGB", (1, height))
    for y in range(height):
        share = y / (height - 1)
        upper = next(i for i, (stop, _) in enumerate(stops) if stop >= share or i == len(stops) - 1)
        (start, one), (end, other) = stops[max(upper - 1, 0)], stops[upper]
        column.putpixel((0, y), mix(one, other, (share - start) / (end - start) if end > start else 0))
    return column.resize((width, height))


def ridge(rng: Random, width: int, level: float, lift: float) -> list[Point]:
    """A mountain line around `level`: waves of growing frequency and falling height, sharpened towards the peaks."""
    waves = [(rng.uniform(0.8, 1.2) * 1.9**n, rng.uniform(0, math.tau), 0.52**n) for n in range(7)]
    line = []
    for x in range(0, width + 5, 4):
        rise = sum((1 - abs(math.sin(math.pi * x / width * f + phase)) * 2) * weight for f, phase, weight in waves)
        line.append((float(x), level - rise * lift / 1.6))
    return line


def crest(line: Sequence[Point], start: float, end: float) -> Point:
    """The highest point of a line between two x."""
    return min((point for point in line if start <= point[0] <= end), key=lambda point: point[1])


def fill_below(picture: Image.Image, line: Sequence[Point], top: Colour, bottom: Colour) -> None:
    """Fill from a line down to the lower edge, from one colour to another, as haze gathers in a valley."""
    width, height = picture.size
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon([*line, (width, height), (0, height)], fill=255)
    start = min(y for _, y in line) / height
    stops = [(0.0, top), (min(max(start, 0.01), 0.98), top), (1.0, bottom)]
    picture.paste(sky(picture.size, stops, 1), (0, 0), mask)


def rings(picture: Image.Image, centre: Point, radius: float, colour: Colour, strength: float, count: int = 4) -> None:
    """Light around a point in even steps, as in a screen print; gone beyond `radius`."""
    veil = Image.new("L", picture.size)
    for number in range(count):
        dot(veil, centre, radius * (1 - number / count), round(255 * strength * (number + 1) / count))
    picture.paste(colour, (0, 0), veil)


def disc(picture: Image.Image, centre: Point, radius: float, colour: Colour, halo: float = 0) -> None:
    """A sun or moon, with a halo of that radius if one is given."""
    if halo:
        rings(picture, centre, halo, colour, 0.34)
    dot(picture, centre, radius, colour)


def dot(picture: Image.Image, centre: Point, radius: float, colour: Colour | int) -> None:
    """A filled circle."""
    (x, y), draw = centre, ImageDraw.Draw(picture)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def network(picture: Image.Image, rng: Random, box: tuple[float, float, float, float], count: int) -> None:
    """Stars at some distance from each other, each joined to its nearest two."""
    left, top, right, bottom = box
    stars: list[Point] = []
    for _ in range(count):  # of twelve places, the one with the most room around it
        places = [(rng.uniform(left, right), rng.uniform(top, bottom)) for _ in range(12)]
        stars.append(max(places, key=lambda place: min((math.dist(place, star) for star in stars), default=0)))
    veil = Image.new("L", picture.size)
    pen = ImageDraw.Draw(veil)
    for star in stars:
        for other in sorted(stars, key=lambda point: math.dist(point, star))[1:3]:
            pen.line((star, other), fill=110, width=3)
    picture.paste(CREAM, (0, 0), veil)
    for number, star in enumerate(stars):
        size = rng.choice((5, 6, 8, 11))
        rings(picture, star, size * 2.6, CREAM, 0.24, 2)
        dot(picture, star, size, CORAL if number % 7 == 3 else CREAM)


def walker(picture: Image.Image, foot: Point, tall: float) -> None:
    """A person with a rucksack and a stick, standing on `foot`."""
    (x, y), draw = foot, ImageDraw.Draw(picture)
    y += tall * 0.06
    draw.line((x + tall * 0.28, y + tall * 0.05, x + tall * 0.2, y - tall * 0.62), fill=INK, width=4)
    for step in (-0.12, 0.12):
        draw.line((x, y - tall * 0.42, x + tall * step, y), fill=INK, width=round(tall * 0.1))
    draw.rounded_rectangle((x - tall * 0.12, y - tall * 0.8, x + tall * 0.12, y - tall * 0.36), tall * 0.1, fill=INK)
    draw.line((x, y - tall * 0.7, x + tall * 0.21, y - tall * 0.52), fill=INK, width=round(tall * 0.07))
    draw.rounded_rectangle(
        (x - tall * 0.27, y - tall * 0.78, x - tall * 0.09, y - tall * 0.44), tall * 0.07, fill=CORAL
    )
    dot(picture, (x + tall * 0.01, y - tall * 0.91), tall * 0.095, INK)


def lay(tiles: Image.Image, width: int) -> Image.Image:
    """Each pixel of a small picture as a rounded tile of a large one, `width` pixels wide in the end."""
    side = width * OVER // tiles.width
    picture = Image.new("RGB", (tiles.width * side, tiles.height * side), (236, 228, 212))
    draw = ImageDraw.Draw(picture)
    for row in range(tiles.height):
        for column in range(tiles.width):
            x, y = column * side, row * side
            draw.rounded_rectangle((x + 2, y + 2, x + side - 3, y + side - 3), 5, fill=tiles.getpixel((column, row)))
    return picture


def beam(picture: Image.Image, start: float, end: float, spread: float) -> None:
    """A shaft of light from the ceiling."""
    veil = Image.new("L", picture.size)
    low = picture.height * 0.66
    ImageDraw.Draw(veil).polygon([(start - 12, 0), (start + 12, 0), (end + spread, low), (end - spread, low)], fill=34)
    fade = Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(picture.size)
    picture.paste(CREAM, (0, 0), ImageChops.multiply(veil.filter(ImageFilter.GaussianBlur(10)), fade))


def curves(picture: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Two snakes on a screen, each in turn above and below the other."""
    left, top, right, bottom = box
    middle, swing, thick = (top + bottom) / 2, (bottom - top) * 0.2, (bottom - top) * 0.05

    def wave(share: float, side: int) -> Point:
        x = left + (right - left) * (0.13 + 0.74 * share)
        return x, middle + math.cos(share * math.pi * 3) * swing * side

    for part in range(3):  # one crossing in each third
        pair = [(1, TEAL), (-1, CORAL)]
        for side, colour in pair if part % 2 else reversed(pair):
            for share in steps(160):
                dot(picture, wave((part + share) / 3, side), thick, colour)
    for side, colour in ((1, TEAL), (-1, CORAL)):
        x, y = wave(1, side)
        draw = ImageDraw.Draw(picture)
        draw.rounded_rectangle((x - thick, y - thick * 1.3, x + thick * 2.6, y + thick * 1.3), thick * 1.2, fill=colour)
        dot(picture, (x + thick * 1.2, y - thick * 0.45), thick * 0.28, SAND)


def speaker(picture: Image.Image, foot: Point, tall: float) -> None:
    """Somebody behind a lectern, one hand raised towards the screen."""
    (x, y), draw = foot, ImageDraw.Draw(picture)
    shade = (10, 13, 26)
    draw.rounded_rectangle((x - tall * 0.15, y - tall * 0.79, x + tall * 0.15, y), tall * 0.13, fill=shade)
    arm = [(x + tall * 0.09, y - tall * 0.7), (x + tall * 0.25, y - tall * 0.66), (x + tall * 0.36, y - tall * 0.88)]
    limb(picture, arm, tall * 0.075, shade)
    draw.ellipse((x - tall * 0.1, y - tall * 1.03, x + tall * 0.1, y - tall * 0.78), fill=shade)
    draw.polygon([(x - tall * 0.3, y - tall * 0.46), (x + tall * 0.3, y - tall * 0.46), (x + tall * 0.22, y),
                  (x - tall * 0.22, y)], fill=(112, 70, 92))  # fmt: skip
    draw.rectangle((x - tall * 0.33, y - tall * 0.5, x + tall * 0.33, y - tall * 0.44), fill=(146, 88, 106))


def limb(picture: Image.Image, joints: Sequence[Point], thick: float, colour: Colour) -> None:
    """An arm or leg: lines with rounded joints."""
    ImageDraw.Draw(picture).line(joints, fill=colour, width=round(thick))
    for joint in joints:
        dot(picture, joint, thick / 2, colour)


def audience(picture: Image.Image, rng: Random, level: float, size: float, count: int, shade: Colour) -> None:
    """One row of people from behind; no two heads quite alike."""
    draw = ImageDraw.Draw(picture)
    gap = picture.width / (count - 1)
    for number in range(count):
        x = number * gap + rng.uniform(-0.14, 0.14) * gap
        y, head = level + rng.uniform(-0.25, 0.25) * size, size * rng.uniform(0.88, 1.06)
        coat = mix(shade, CORAL if rng.random() < 0.45 else TEAL, rng.uniform(0.08, 0.3))
        hair = mix(shade, rng.choice((ROSE, PEACH, NIGHT, SEA, INK)), 0.22)
        style = rng.randrange(6)
        if style == 5:
            limb(picture, [(x + head * 1.3, y + head * 2), (x + head * 1.5, y - head * 1.5)], head * 0.5, coat)
            dot(picture, (x + head * 1.5, y - head * 1.7), head * 0.3, mix(shade, PEACH, 0.4))
        draw.rounded_rectangle(
            (x - head * 1.75, y + head * 0.8, x + head * 1.75, picture.height * 2), head * 0.95, fill=coat
        )
        if style == 0:
            dot(picture, (x, y - head * 1.08), head * 0.36, hair)
        elif style == 1:
            draw.rounded_rectangle(
                (x - head * 0.92, y - head * 0.5, x + head * 0.92, y + head * 1.6), head * 0.6, fill=hair
            )
        draw.ellipse((x - head * 0.84, y - head, x + head * 0.84, y + head * 1.02), fill=hair)


def plane(picture: Image.Image, centre: Point, size: float) -> None:
    """A folded paper plane, nose to the upper right."""
    (x, y), draw = centre, ImageDraw.Draw(picture)

    def place(*points: Point) -> list[Point]:
        return [(x + right * size, y + down * size) for right, down in points]

    nose, tail, fold, wing, keel = (0.5, -0.3), (-0.55, -0.02), (-0.16, 0.16), (0.2, 0.42), (-0.14, 0.44)
    draw.polygon(place(nose, tail, fold), fill=(255, 250, 240))
    draw.polygon(place(nose, fold, keel), fill=(206, 190, 172))
    draw.polygon(place(nose, (-0.02, 0.25), wing), fill=CREAM)
    draw.polygon(place((-0.16, 0.16), (-0.02, 0.25), keel), fill=CORAL)


def bust(picture: Image.Image, centre: Point, size: float, *, skin: Colour, hair: Colour, coat: Colour) -> None:
    """Head and shoulders in flat shapes."""
    (x, y), draw = centre, ImageDraw.Draw(picture)
    draw.rounded_rectangle((x - size * 1.75, y + size * 1.15, x + size * 1.75, picture.height * 2), size, fill=coat)
    draw.rounded_rectangle((x - size * 0.36, y + size * 0.5, x + size * 0.36, y + size * 1.6), size * 0.3,
                           fill=mix(skin, ROSE, 0.25))  # fmt: skip
    draw.ellipse((x - size * 0.86, y - size, x + size * 0.86, y + size), fill=skin)
    draw.chord((x - size * 0.98, y - size * 1.18, x + size * 0.98, y + size * 0.75), 190, 350, fill=hair)

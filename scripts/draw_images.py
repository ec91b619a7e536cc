"""Draws every picture of the sample issues, of people.yaml and of the first issue that `newsletter init` writes.

    python scripts/draw_images.py [FOLDER]

Seeded and free of outside material: the same program draws the same pixels. Everything is drawn at twice the final
size and scaled down, which smooths the edges; mails show the result at half its pixels again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw
from shapes import (
    CORAL,
    CREAM,
    INK,
    NIGHT,
    OVER,
    PEACH,
    PLUM,
    ROSE,
    SAND,
    SEA,
    TEAL,
    Colour,
    audience,
    beam,
    bust,
    crest,
    curves,
    disc,
    dot,
    fill_below,
    lay,
    mix,
    network,
    plane,
    ridge,
    rings,
    sky,
    speaker,
    steps,
    walker,
)

WIDE = (1120, 630)
SQUARE = (160, 160)
SIXTEEN: tuple[Colour, ...] = (
    (74, 124, 150), (98, 150, 166), (132, 174, 176), (176, 200, 184), (224, 210, 172), (246, 200, 148),
    (248, 172, 120), (255, 242, 214), (214, 132, 104), (146, 128, 138), (92, 96, 122), (44, 62, 88),
    (40, 92, 116), (72, 124, 138), (126, 150, 146), (26, 44, 66),
)  # fmt: skip
"""What the mosaic may use: sky, sun, mountains from far to near, water."""


def draw_all(root: Path) -> list[Path]:
    """Draw every picture below `root` (the project's checkout); returns the files written."""
    return [save(draw(), root / file) for file, draw in PICTURES.items()]


def save(picture: Image.Image, file: Path) -> Path:
    """Scale down and write as PNG. Flat shapes on vertical gradients stay small, also in full colour."""
    size = (picture.width // OVER, picture.height // OVER)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.resize(size, Image.Resampling.LANCZOS).save(file, "PNG", optimize=True)
    return file


def frontier() -> Image.Image:
    """A walker on a ridge at dusk, facing a sky in which the stars have joined into a network."""
    rng = Random(20240125)
    picture = sky(WIDE, [(0, NIGHT), (0.42, PLUM), (0.66, ROSE), (0.82, CORAL), (1, PEACH)])
    width, height = picture.size
    disc(picture, (width * 0.7, height * 0.58), height * 0.115, CREAM, halo=height * 0.42)
    network(picture, rng, box=(width * 0.06, height * 0.06, width * 0.94, height * 0.46), count=30)
    shades = [(190, 107, 124), (140, 81, 118), (96, 66, 108), (58, 49, 86), (30, 32, 58)]
    for number, shade in enumerate(shades):
        level = height * (0.60 + 0.085 * number)
        lift = height * (0.11 + 0.02 * number)
        line = ridge(rng, width, level, lift)
        fill_below(picture, line, shade, mix(shade, shades[min(number + 1, 4)], 0.45))
        if number == 4:
            walker(picture, crest(line, width * 0.2, width * 0.4), height * 0.115)
    return picture


def mosaic() -> Image.Image:
    """A mountain lake laid in square tiles of sixteen colours: as many as four bits can tell apart."""
    columns, rows = 64, 36
    rng = Random(11)
    scene = sky((columns * 4, rows * 4), [(0, SIXTEEN[0]), (0.34, SIXTEEN[3]), (0.66, SIXTEEN[6]), (1, SIXTEEN[6])], 1)
    width, height = scene.size
    disc(scene, (width * 0.27, height * 0.34), height * 0.1, SIXTEEN[7], halo=height * 0.19)
    shore = round(height * 0.68)
    for level, lift, shade in ((0.52, 0.3, 9), (0.6, 0.24, 10), (0.65, 0.1, 11)):
        fill_below(scene, ridge(rng, width, height * level, height * lift), SIXTEEN[shade], SIXTEEN[shade])
    mirror = scene.crop((0, 2 * shore - height, width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    scene.paste(Image.blend(mirror, Image.new("RGB", mirror.size, SIXTEEN[12]), 0.42), (0, shore))
    for number in range(8):
        y, half = shore + 6 + number * 6, width * (0.035 - 0.002 * number)
        x = width * (0.27 + rng.choice((-0.012, 0, 0.012)))
        ImageDraw.Draw(scene).rectangle((x - half, y, x + half, y + 3), fill=SIXTEEN[7])
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for colour in SIXTEEN for channel in colour])
    tiles = scene.resize((columns, rows), Image.Resampling.BOX).quantize(palette=palette, dither=Image.Dither.NONE)
    return lay(tiles.convert("RGB"), WIDE[0])


def hall() -> Image.Image:
    """A full lecture hall from behind: rows of heads, a speaker, and two intertwined curves on the screen."""
    rng = Random(20230502)
    picture = sky(WIDE, [(0, (18, 24, 46)), (0.55, (38, 48, 82)), (1, (24, 28, 52))])
    width, height = picture.size
    screen = (width * 0.3, height * 0.1, width * 0.84, height * 0.58)
    rings(picture, (width * 0.57, height * 0.34), height * 0.86, (126, 140, 176), 0.34, 5)
    for x, lean in ((0.12, 0.24), (0.3, 0.14), (0.84, -0.14), (1.0, -0.24)):
        beam(picture, width * x, width * (x + lean), width * 0.11)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(screen, radius=height * 0.012, fill=SAND)
    curves(picture, screen)
    speaker(picture, (width * 0.2, height * 0.6), height * 0.24)
    ImageDraw.Draw(picture).rectangle((0, height * 0.6, width, height), fill=(26, 32, 58))
    rows = [(0.645, 0.033, 23, (84, 88, 128)), (0.705, 0.043, 18, (64, 69, 108)), (0.785, 0.056, 14, (44, 49, 84)),
            (0.885, 0.078, 10, (24, 28, 50))]  # fmt: skip
    for level, size, count, shade in rows:
        audience(picture, rng, height * level, height * size, count, shade)
    return picture


def first_light() -> Image.Image:
    """A paper plane over a calm sea at sunrise: the picture of the first issue."""
    rng = Random(1)
    picture = sky(WIDE, [(0, (60, 108, 138)), (0.36, (146, 178, 178)), (0.6, PEACH), (0.7, CREAM), (1, CREAM)])
    width, height = picture.size
    disc(picture, (width * 0.3, height * 0.7), height * 0.15, (255, 247, 228), halo=height * 0.36)
    for number in range(7):
        level = height * (0.7 + 0.045 * number)
        shade = mix((122, 166, 170), SEA, number / 6)
        fill_below(picture, ridge(rng, width, level, height * 0.012), shade, shade)
    for number in range(7):
        y, half = height * (0.725 + 0.036 * number), width * (0.05 - 0.004 * number)
        x = width * (0.3 + rng.uniform(-0.006, 0.006))
        ImageDraw.Draw(picture).rounded_rectangle(
            (x - half, y, x + half, y + height * 0.008), height * 0.004, fill=CREAM
        )
    trail = [(width * (0.1 + 0.5 * t), height * (0.56 - 0.3 * t + 0.11 * math.sin(t * 6.3))) for t in steps(27)]
    for number, (x, y) in enumerate(trail):
        dot(picture, (x, y), 1.5 + number / 8, CREAM)
    plane(picture, (width * 0.71, height * 0.22), width * 0.15)
    return picture


def editors() -> Image.Image:
    """Three heads together: an editorial team."""
    picture = sky(SQUARE, [(0, (58, 118, 128)), (1, SEA)])
    side = picture.width
    for x, y, shade, hair in ((0.28, 0.5, ROSE, INK), (0.72, 0.5, PEACH, PLUM), (0.5, 0.62, CREAM, CORAL)):
        bust(picture, (side * x, side * y), side * 0.15, skin=shade, hair=hair, coat=mix(hair, NIGHT, 0.3))
    return picture


def writer() -> Image.Image:
    """One head with long hair: an author."""
    picture = sky(SQUARE, [(0, PEACH), (1, CORAL)])
    side = picture.width
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((side * 0.25, side * 0.16, side * 0.75, side * 0.78), side * 0.25, fill=NIGHT)
    bust(picture, (side * 0.5, side * 0.45), side * 0.19, skin=CREAM, hair=NIGHT, coat=TEAL)
    return picture


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "issues/2024-01-25-frontiers-of-llms/hero.png": frontier,
    "issues/2024-01-25-frontiers-of-llms/mosaic.png": mosaic,
    "issues/2023-05-02-pycon-gems/hero.png": hall,
    "issues/people/tds-editors.png": editors,
    "issues/people/mary-newhauser.png": writer,
    "newsletter/app/operating/starter/issues/welcome/hero.png": first_light,
}
"""Where each picture belongs."""


if __name__ == "__main__":
    for written in draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]):
        print(written)

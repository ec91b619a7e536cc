"""Forty photographs of 12 megapixels in one issue: seconds and memory of a build, cold and with its pictures cached.

bench/pictures.py [COUNT]
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image, ImageFilter

SIZE = (4032, 3024)
COUNT = 40
QUALITY = 92  # as phones save
ONE = '  - image: photo-{n}.jpg\n    alt: "A photograph"\n'
ARTICLE = (
    "      - title: Article {n}\n        url: https://example.org/{n}\n        image: photo-{n}.jpg\n        alt: A\n"
)


def photograph(file: Path, seed: int) -> None:
    """Shapes of every size with the grain of a sensor, turned as a phone held upright stores it."""
    chance = random.Random(seed)
    image = Image.new("RGB", SIZE)
    for size in (6, 24, 96, 384, 1500):
        small = Image.frombytes("RGB", (size, size * 3 // 4), chance.randbytes(size * (size * 3 // 4) * 3))
        layer = small.resize(SIZE, Image.Resampling.BICUBIC)
        image = layer if size == 6 else Image.blend(image, layer, 0.22)
    grain = Image.effect_noise(SIZE, 14).convert("RGB").filter(ImageFilter.BoxBlur(0.6))
    image = Image.blend(image, grain, 0.12)
    exif = Image.Exif()
    exif[0x0112] = 6 if seed % 2 else 1
    image.save(file, quality=QUALITY, exif=exif)


def build(project: Path, cache: Path) -> tuple[float, float, int]:
    """Seconds of `newsletter build`, seconds of computing in it, and the most memory that it held, in bytes."""
    before = time.perf_counter()
    command = [sys.executable, "-m", "newsletter", "-C", str(project), "build", "--out", str(project / "out")]
    environment, quiet = os.environ | {"XDG_CACHE_HOME": str(cache)}, subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"newsletter build ended with {os.waitstatus_to_exitcode(status)}")
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return time.perf_counter() - before, usage.ru_utime + usage.ru_stime, memory


def main() -> None:
    """Print what each build takes, once with every picture in the width of the text, once as articles."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        subprocess.run(
            [sys.executable, "-m", "newsletter", "init", str(project)], check=True, stdout=subprocess.DEVNULL
        )
        issue = project / "issues" / "welcome"
        with ProcessPoolExecutor() as pool:
            list(pool.map(photograph, (issue / f"photo-{n}.jpg" for n in range(count)), range(count)))
        weight = sum((issue / f"photo-{n}.jpg").stat().st_size for n in range(count))
        print(
            f"{count} photographs of {SIZE[0] * SIZE[1] / 1e6:.1f} million pixels, {weight / count / 1e6:.1f} MB each"
        )
        for file in issue.glob("issue.*.yaml"):
            file.unlink()
        head = 'title: "Photographs"\ndate: 2026-11-27\nlanguage: en\nblocks:\n'
        for kind, blocks in (
            ("pictures", "".join(ONE.format(n=n) for n in range(count))),
            ("articles", "  - highlights:\n" + "".join(ARTICLE.format(n=n) for n in range(count))),
        ):
            (issue / "issue.yaml").write_text(head + blocks, encoding="utf-8")
            cache = Path(name) / kind
            for state in ("cold", "cached"):
                seconds, computing, memory = build(project, cache)
                print(f"{kind}, {state:8}{seconds:6.1f} s, computing {computing:5.1f} s, {memory / 1e6:4.0f} MB")
            assets = [file.stat().st_size for file in (cache / "newsletter/pictures").iterdir()]
            print(f"{kind}: {sum(assets) / count / 1e3:.0f} kB each, the largest {max(assets) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

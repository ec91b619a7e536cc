"""The project's pictures: drawn from a seed, small enough for mail, and the ones that lie in the folders."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageChops, ImageStat

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def draw_images() -> ModuleType:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        spec = importlib.util.spec_from_file_location("draw_images", ROOT / "scripts" / "draw_images.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return module


@pytest.fixture(scope="module")
def drawn(draw_images: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_images.draw_all(folder)
    return folder


def test_pictures_in_the_folders_are_those_the_script_draws(draw_images: ModuleType, drawn: Path) -> None:
    for name in draw_images.PICTURES:
        with Image.open(ROOT / name) as kept, Image.open(drawn / name) as fresh:
            assert kept.size == fresh.size
            # Another Pillow may round an edge differently; another drawing differs by far more.
            assert max(ImageStat.Stat(ImageChops.difference(kept.convert("RGB"), fresh.convert("RGB"))).mean) < 2, name


def test_pictures_are_the_same_bytes_when_drawn_again(draw_images: ModuleType, drawn: Path, tmp_path: Path) -> None:
    for name in draw_images.PICTURES:
        again = draw_images.save(draw_images.PICTURES[name](), tmp_path / name)
        assert again.read_bytes() == (drawn / name).read_bytes(), name


def test_pictures_are_small_enough_for_mail(draw_images: ModuleType) -> None:
    sizes = {name: (ROOT / name).stat().st_size for name in draw_images.PICTURES}
    assert {name: size for name, size in sizes.items() if size > 200_000} == {}


def test_wide_pictures_stand_at_twice_the_text_column(draw_images: ModuleType) -> None:
    for name in draw_images.PICTURES:
        with Image.open(ROOT / name) as picture:
            assert picture.size in {(1120, 630), (160, 160)}, name

"""Colour arithmetic against the values that WCAG and others publish."""

from __future__ import annotations

import pytest

from newsletter.compiler.colour import contrast


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48), ("#767676", "#ffffff", 4.54), ("#ff0000", "#ff0000", 1)],
)
def test_contrast_of_known_pairs(first: str, second: str, ratio: float) -> None:
    assert contrast(first, second) == pytest.approx(ratio, abs=0.005)
    assert contrast(second, first) == contrast(first, second)

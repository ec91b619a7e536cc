"""Fixtures that every test may use. Keep them few; one that serves a single folder lives in that folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `from tools import require`, `from factories import …`

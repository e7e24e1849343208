"""The functions that the sandbox tests run in other processes must be importable there: their folder joins the path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

"""From signals to near neighbours.

``HammingIndex`` finds every code within a radius, exactly. Importing it loads the compiler of the inner loops.
"""

from __future__ import annotations

from opencets.matching.codes import read_hex_codes
from opencets.matching.hamming import HammingIndex, Matches, Pairs

__all__ = ["HammingIndex", "Matches", "Pairs", "read_hex_codes"]

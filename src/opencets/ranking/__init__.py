"""Ranking: explained, versioned models that put alerts and leads in order. People decide."""

from opencets.ranking.strength import MODEL, Factor, Strength, strength

__all__ = ["MODEL", "Factor", "Strength", "strength"]

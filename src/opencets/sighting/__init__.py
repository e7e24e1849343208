"""Sightings: what sensors observed of known files on offer, as an append-only ledger of Parquet; computers, places, factors.

The ledger answers where computers are that matter most. Where one known file is offered is told only with an authorised
hash set and a purpose, both kept in the ledger's log of looks (`opencets.sighting.looks`).
"""

from opencets.sighting.batch import FIELDS, Batch, Origin
from opencets.sighting.ledger import Ledger, Loaded

__all__ = ["FIELDS", "Batch", "Ledger", "Loaded", "Origin"]

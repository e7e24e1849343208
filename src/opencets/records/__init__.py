"""Records, claims and locators, and the vocabulary that names their kinds and properties."""

from opencets.records.record import Claim, Locator, Record, Role
from opencets.records.vocabulary import KINDS, PROPERTIES, RECORDS, claim

__all__ = ["KINDS", "PROPERTIES", "RECORDS", "Claim", "Locator", "Record", "Role", "claim"]

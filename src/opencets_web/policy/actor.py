"""Who acts. Every query and every action takes an Actor first; there is no default and no one above the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from opencets_web.accounts.models import READING_ROLES, Officer


@dataclass(frozen=True, slots=True)
class Actor:
    """An officer acting for their agency, for a purpose, from an address.

    ``purpose`` was said with this very request; ``otherwise`` holds where the officer chose none for the case today (jobs,
    commands). ``asks``: without any, an act on a case is refused (``PurposeWanted``). ``renews``: a page renews itself, for
    which the purpose of the last hours holds over midnight. ``session``: the mark of the browser's session.
    """

    officer_id: UUID
    agency_id: UUID
    agency_name: str
    display_name: str
    country: str
    roles: frozenset[str]
    purpose: str = ""
    address: str = ""
    otherwise: str = ""
    asks: bool = False
    renews: bool = False
    session: str = field(default="", repr=False)

    @classmethod
    def of(cls, officer: Officer, *, address: str = "", otherwise: str = "", session: str = "") -> Actor:
        """The actor for an officer, who is active; an inactive officer acts no more (ValueError)."""
        if not officer.is_active:
            raise ValueError("An inactive officer cannot act.")
        return cls(
            officer_id=officer.id,
            agency_id=officer.agency_id,
            agency_name=officer.agency.short_name,
            display_name=officer.display_name,
            country=officer.agency.country,
            roles=frozenset(officer.roles),
            address=address,
            otherwise=otherwise,
            session=session,
        )

    @property
    def reads_cases(self) -> bool:
        """Whether any role opens the agency's cases."""
        return bool(READING_ROLES & self.roles)

    def has(self, role: str) -> bool:
        """Whether the actor holds the role."""
        return role in self.roles

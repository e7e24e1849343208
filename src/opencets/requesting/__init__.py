"""Asking a provider for what it holds: is what is asked about sound, by which law, until when, and the letter itself.

``checking`` judges a value with its time, zone and port; ``instruments`` reads the legal bases from data files;
``deadlines`` computes what is due when; ``letters`` writes the letter as text and as PDF. No clock and no database: the
instant that counts as now is handed in.
"""

from opencets.requesting.checking import Asked, Checked, Holder, Remark, check, port_in
from opencets.requesting.deadlines import answer_due, preserved_until, renewal_due
from opencets.requesting.instruments import Field, Instrument, load
from opencets.requesting.letters import Letter, Line, as_pdf, as_text

__all__ = [
    "Asked", "Checked", "Field", "Holder", "Instrument", "Letter", "Line", "Remark", "answer_due", "as_pdf", "as_text",
    "check", "load", "port_in", "preserved_until", "renewal_due",
]  # fmt: skip

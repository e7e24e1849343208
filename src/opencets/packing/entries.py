"""An agency's own entries as a hash set that others import: VICS 2.0 JSON of media, or a table of digests.

Digests and grade leave, never a file, a name, a place or a case. VICS has one number for a category (Project VIC data model 2.0,
``Category`` is a byte): a scheme with other codes leaves as a table alone.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass

COLUMNS = ("md5", "sha1", "sha256", "pdq", "pdq quality", "scheme", "category")


@dataclass(frozen=True, slots=True)
class Entry:
    """One known file: digests in lower-case hexadecimal, empty where there is none; ``code`` of the scheme."""

    md5: str
    sha1: str
    sha256: str
    pdq: str
    quality: int | None
    media_type: str
    size: int
    code: str


def fits_vics(codes: Iterable[str]) -> bool:
    """Whether every code is a number from 0 to 255, as VICS writes a category."""
    return all(code.isascii() and code.isdigit() and int(code) <= 255 for code in codes)


def vics_entries(entries: Iterable[Entry], region: str) -> bytes:
    """The entries as VICS 2.0 media: UTF-8 without a mark; those without an MD5 are left out, since VICS names files by it."""
    rows = [
        {
            "MediaID": number,
            "Category": int(entry.code),
            "MD5": entry.md5.upper(),
            "SHA1": entry.sha1.upper(),
            "MediaSize": entry.size,
            "MimeType": entry.media_type,
            "IsPrecategorized": True,
            "AlternativeHashes": [
                {"MD5": entry.md5.upper(), "HashName": name, "HashValue": value}
                for name, value in (("SHA256", entry.sha256), ("PDQ", entry.pdq))
                if value
            ],
        }
        for number, entry in enumerate((entry for entry in entries if len(entry.md5) == 32), 1)
    ]
    context = f"http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{region}/$metadata#Media"
    return json.dumps({"@odata.context": context, "value": rows}, separators=(",", ":")).encode()


def table_entries(entries: Iterable[Entry], scheme: str) -> bytes:
    """The entries as a table (RFC 4180) with the columns by which hash sets are read here and elsewhere."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for entry in entries:
        quality = "" if entry.quality is None or not entry.pdq else entry.quality
        writer.writerow([entry.md5, entry.sha1, entry.sha256, entry.pdq, quality, scheme, entry.code])
    return stream.getvalue().encode()

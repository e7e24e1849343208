"""The plain page that ``gallery.py`` is held against: settings and address in one, over the same rows, door and store.

Django's paginator as its documentation shows it (a count, an offset), each thumbnail an ``img`` of its own that the browser
blurs, the next page put under the last when the end is seen, nothing ever taken out again.
"""

from __future__ import annotations

from opencets_web.config.settings import *  # noqa: F403

ROOT_URLCONF = "gallery_peer_urls"

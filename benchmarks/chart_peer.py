"""The plain page that ``chart.py`` is held against: settings and address in one, over the same rows and the same door.

The same graph as one SVG that the server writes: a line for each tie with its sentence as a title, a shape and a name for each
node, a link to the reasons of a tie. No script draws; the browser lays out, paints and moves it.
"""

from __future__ import annotations

from opencets_web.config.settings import *  # noqa: F403

ROOT_URLCONF = "chart_peer_urls"

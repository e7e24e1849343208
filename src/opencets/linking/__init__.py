"""Linking: from claims to connections between cases, as rarity-weighted, explained paths over supplied ties."""

from opencets.linking.arrays import TieArrays, Way, Ways
from opencets.linking.clusters import JUDGED, Clusters, components
from opencets.linking.degrees import Change, Degrees, reach
from opencets.linking.evidence import any_of
from opencets.linking.explain import (
    Explained,
    Step,
    explain_path,
    explain_tie,
    in_words,
)
from opencets.linking.holdings import Holdings
from opencets.linking.layout import layout
from opencets.linking.paths import (
    Connection,
    Path,
    Search,
    Tie,
    TieSource,
    best_paths,
    between,
    combined,
    search,
)
from opencets.linking.rarity import (
    Rarity,
    Worth,
    bits_of,
    bucket,
    default_rarity,
    rarity_from,
)
from opencets.linking.times import Span, fading, years_between

__all__ = [
    "JUDGED",
    "Change",
    "Clusters",
    "Connection",
    "Degrees",
    "Explained",
    "Holdings",
    "Path",
    "Rarity",
    "Search",
    "Span",
    "Step",
    "Tie",
    "TieArrays",
    "TieSource",
    "Way",
    "Ways",
    "Worth",
    "any_of",
    "best_paths",
    "between",
    "bits_of",
    "bucket",
    "combined",
    "components",
    "default_rarity",
    "explain_path",
    "explain_tie",
    "fading",
    "in_words",
    "layout",
    "rarity_from",
    "reach",
    "search",
    "years_between",
]

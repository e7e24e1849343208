"""Texts to hits: phrase libraries as versioned data, words in disguise, conversations, each hit with its place and reason.

``Library.open`` reads a library, ``Watcher`` looks for its phrases, ``Conversation`` weighs what both sides of one say.
"""

from opencets.watching.conversation import Conversation, Settings, Turn
from opencets.watching.hit import Hit, Where
from opencets.watching.library import Context, Library, Phrase, bytes_of
from opencets.watching.reviews import Precision, Review, precision
from opencets.watching.watcher import Watcher

__all__ = [
    "Context",
    "Conversation",
    "Hit",
    "Library",
    "Phrase",
    "Precision",
    "Review",
    "Settings",
    "Turn",
    "Watcher",
    "Where",
    "bytes_of",
    "precision",
]

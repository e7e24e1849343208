"""Resolving: people from several records, suggested with a probability and reasons, never merged here."""

from opencets.resolving.features import Commonness
from opencets.resolving.model import Model, Weight, load_model, model_from
from opencets.resolving.people import FIELDS, Person, PersonRow, candidate_keys, prepare, skeleton
from opencets.resolving.suggest import BLOCK_LIMIT, Change, Reason, Suggestion, score, suggest, what_would_change

__all__ = [
    "BLOCK_LIMIT",
    "FIELDS",
    "Change",
    "Commonness",
    "Model",
    "Person",
    "PersonRow",
    "Reason",
    "Suggestion",
    "Weight",
    "candidate_keys",
    "load_model",
    "model_from",
    "prepare",
    "score",
    "skeleton",
    "suggest",
    "what_would_change",
]

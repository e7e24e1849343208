"""Texts to hits: phrase libraries as versioned data, words in disguise, conversations, each hit with its place and reason."""

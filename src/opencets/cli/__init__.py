"""The ``opencets`` command: thin commands over the engines."""

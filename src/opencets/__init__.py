"""OpenCETS engines: pure Python, no Django, no database, no network, no clock of their own."""

__version__ = "0.1.0"

"""Keeps evidence sealed: framed encryption with a key for each blob, and write-once stores of such blobs."""

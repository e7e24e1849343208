"""The network sensor: who offers known files, by what computers say themselves; metadata only.

It starts only with a signed, unexpired authority and a purpose (`opencets.packing.authority`), and it requests, receives and
keeps no content: `opencets_sensor.guard` says how that is held. What was said stands in a sealed log
(`opencets_sensor.log`), and sightings are what `opencets_sensor.replaying` makes of the log, on the spot and years later.
"""

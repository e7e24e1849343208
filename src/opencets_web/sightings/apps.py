from django.apps import AppConfig


class SightingsConfig(AppConfig):
    name = "opencets_web.sightings"
    label = "sightings"

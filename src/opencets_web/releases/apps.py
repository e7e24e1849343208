from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "opencets_web.releases"
    label = "releases"

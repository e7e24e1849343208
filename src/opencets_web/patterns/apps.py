from django.apps import AppConfig


class PatternsConfig(AppConfig):
    name = "opencets_web.patterns"
    label = "patterns"

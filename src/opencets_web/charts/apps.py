from django.apps import AppConfig


class ChartsConfig(AppConfig):
    name = "opencets_web.charts"
    label = "charts"

from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "opencets_web.ui"
    label = "ui"

from django.apps import AppConfig


class PurposesConfig(AppConfig):
    name = "opencets_web.purposes"
    label = "purposes"

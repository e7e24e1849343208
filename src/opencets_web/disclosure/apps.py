from django.apps import AppConfig


class DisclosureConfig(AppConfig):
    name = "opencets_web.disclosure"
    label = "disclosure"

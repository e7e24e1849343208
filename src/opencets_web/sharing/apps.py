from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "opencets_web.sharing"
    label = "sharing"

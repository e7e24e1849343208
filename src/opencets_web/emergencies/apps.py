from django.apps import AppConfig


class EmergenciesConfig(AppConfig):
    name = "opencets_web.emergencies"
    label = "emergencies"

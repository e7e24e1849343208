from django.apps import AppConfig


class CaseworkConfig(AppConfig):
    name = "opencets_web.casework"
    label = "casework"

from django.apps import AppConfig


class OfficersConfig(AppConfig):
    name = "opencets_web.officers"
    label = "officers"

from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "opencets_web.desk"
    label = "desk"

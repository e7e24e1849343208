from django.apps import AppConfig


class CamerasConfig(AppConfig):
    name = "opencets_web.cameras"
    label = "cameras"

from django.apps import AppConfig


class ExposureConfig(AppConfig):
    name = "opencets_web.exposure"
    label = "exposure"

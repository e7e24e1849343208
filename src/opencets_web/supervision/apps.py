from django.apps import AppConfig


class SupervisionConfig(AppConfig):
    name = "opencets_web.supervision"
    label = "supervision"

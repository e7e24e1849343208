from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "opencets_web.grading"
    label = "grading"

from django.apps import AppConfig


class MarksConfig(AppConfig):
    name = "opencets_web.marks"
    label = "marks"

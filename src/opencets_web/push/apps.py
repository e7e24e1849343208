from django.apps import AppConfig


class PushConfig(AppConfig):
    name = "opencets_web.push"
    label = "push"

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    name = "opencets_web.policy"
    label = "policy"

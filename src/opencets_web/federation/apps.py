from django.apps import AppConfig


class FederationConfig(AppConfig):
    name = "opencets_web.federation"
    label = "federation"

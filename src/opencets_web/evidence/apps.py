from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "opencets_web.evidence"
    label = "evidence"

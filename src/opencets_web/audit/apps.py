from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "opencets_web.audit"
    label = "audit"

from django.apps import AppConfig


class AuditingConfig(AppConfig):
    name = "opencets_web.auditing"
    label = "auditing"

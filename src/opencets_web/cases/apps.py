from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "opencets_web.cases"
    label = "cases"

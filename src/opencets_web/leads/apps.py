from django.apps import AppConfig


class LeadsConfig(AppConfig):
    name = "opencets_web.leads"
    label = "leads"

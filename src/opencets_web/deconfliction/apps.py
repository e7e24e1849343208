from django.apps import AppConfig


class DeconflictionConfig(AppConfig):
    name = "opencets_web.deconfliction"
    label = "deconfliction"

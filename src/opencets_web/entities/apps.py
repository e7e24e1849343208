from django.apps import AppConfig


class EntitiesConfig(AppConfig):
    name = "opencets_web.entities"
    label = "entities"

from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "opencets_web.media"
    label = "media"

from django.apps import AppConfig


class VideosConfig(AppConfig):
    name = "opencets_web.videos"
    label = "videos"

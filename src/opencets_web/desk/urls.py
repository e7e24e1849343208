"""Addresses of the desk, of search, and of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from opencets_web.desk import views
from opencets_web.desk.api import api

desk = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("watches/", views.watches, name="watches"),
    path("watches/make/", views.make_watch, name="watch-make"),
    path("watches/<uuid:watch_id>/", views.watch, name="watch"),
    path("watches/<uuid:watch_id>/pause/", views.pause_watch, name="watch-pause"),
    path("watches/<uuid:watch_id>/resume/", views.resume_watch, name="watch-resume"),
    path("watches/<uuid:watch_id>/end/", views.end_watch, name="watch-end"),
    path("watches/<uuid:watch_id>/restore/", views.restore_watch, name="watch-restore"),
    path("cases/<str:reference>/", views.case, name="case"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((desk, "desk"))),
    path("api/v1/", api.urls),
]

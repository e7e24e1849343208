"""Addresses of visible text."""

from __future__ import annotations

from django.urls import path

from opencets_web.texts import views

app_name = "texts"
urlpatterns = [
    path("media/<uuid:media_id>/text/", views.of_media, name="of-media"),
    path("cases/<str:reference>/text/", views.of_case, name="of-case"),
    path("cases/<str:reference>/text/order/", views.order, name="order"),
    path("cases/<str:reference>/text/end/", views.end, name="end"),
]

"""Addresses of media and of known files."""

from __future__ import annotations

from django.urls import path

from opencets_web.media import views

app_name = "media"
urlpatterns = [
    path("cases/<str:reference>/media/", views.gallery, name="gallery"),
    path("media/", views.list_media, name="list"),
    path("media/exposure/", views.expose, name="exposure"),
    path("media/addresses/", views.addresses, name="addresses"),
    path("media/<uuid:media_id>/", views.show, name="show"),
    path("media/<uuid:media_id>/thumbnail", views.thumbnail, name="thumbnail"),
    path("media/<uuid:media_id>/strip", views.strip, name="strip"),
    path("media/<uuid:media_id>/original", views.original, name="original"),
    path("media/<uuid:media_id>/show-known/", views.show_known, name="show-known"),
    path("known-files/", views.known, name="known"),
    path("known-files/new/", views.new_known, name="known-new"),
    path("known-files/<uuid:hash_set_id>/withdraw/", views.withdraw, name="known-withdraw"),
    path("known-files/<uuid:hash_set_id>/restore/", views.restore, name="known-restore"),
]

"""Addresses of media and of known files."""

from __future__ import annotations

from django.urls import path

from opencets_web.media import views

app_name = "media"
urlpatterns = [
    path("cases/<str:reference>/media/", views.gallery, name="gallery"),
    path("cases/<str:reference>/media/tiles/", views.tiles, name="tiles"),
    path("cases/<str:reference>/media/order/", views.order, name="order"),
    path("media/", views.list_media, name="list"),
    path("media/tiles/", views.tiles, name="all-tiles"),
    path("media/order/", views.order, name="all-order"),
    path("media/exposure/", views.expose, name="exposure"),
    path("media/addresses/", views.addresses, name="addresses"),
    path("media/<uuid:media_id>/", views.show, name="show"),
    path("media/<uuid:media_id>/thumbnail", views.thumbnail, name="thumbnail"),
    path("media/<uuid:media_id>/strip", views.strip, name="strip"),
    path("media/<uuid:media_id>/original", views.original, name="original"),
    path("media/<uuid:media_id>/show-known/", views.show_known, name="show-known"),
    path("media/<uuid:media_id>/describe/", views.describe, name="describe"),
    path("descriptions/<uuid:description_id>/undo/", views.undo_description, name="describe-undo"),
    path("media/<uuid:media_id>/masks/", views.draw_mask, name="mask"),
    path("media/<uuid:media_id>/masks/lift/", views.lift_masks, name="lift"),
    path("masks/<uuid:mask_id>/withdraw/", views.withdraw_mask, name="mask-withdraw"),
    path("masks/<uuid:mask_id>/restore/", views.restore_mask, name="mask-restore"),
    path("known-files/", views.known, name="known"),
    path("known-files/new/", views.new_known, name="known-new"),
    path("media/<uuid:media_id>/vote/", views.vote, name="vote"),
    path("known-files/votes/<uuid:vote_id>/withdraw/", views.withdraw_vote, name="vote-withdraw"),
    path("known-files/held/", views.quarantine, name="quarantine"),
    path("known-files/held/<uuid:held_id>/release/", views.release_held, name="held-release"),
    path("known-files/held/<uuid:held_id>/reject/", views.reject_held, name="held-reject"),
    path("known-files/held/<uuid:held_id>/hold-again/", views.hold_again, name="held-hold-again"),
    path("known-files/<uuid:hash_set_id>/", views.hash_set, name="hash-set"),
    path("known-files/<uuid:hash_set_id>/withdraw/", views.withdraw, name="known-withdraw"),
    path("known-files/<uuid:hash_set_id>/restore/", views.restore, name="known-restore"),
]

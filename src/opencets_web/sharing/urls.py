"""Addresses of requests and releases."""

from __future__ import annotations

from django.urls import path

from opencets_web.sharing import views

app_name = "sharing"
urlpatterns = [
    path("sharing/", views.list_sharing, name="list"),
    path("cases/<str:reference>/sharing/", views.case, name="case"),
    path("cases/<str:reference>/invite/", views.invite, name="invite"),
    path("invitations/<uuid:grant_id>/accept/", views.accept, name="invitation-accept"),
    path("invitations/<uuid:grant_id>/decline/", views.decline_invitation, name="invitation-decline"),
    path("invitations/<uuid:grant_id>/reconsider/", views.reconsider, name="invitation-reconsider"),
    path("invitations/<uuid:grant_id>/leave/", views.leave, name="invitation-leave"),
    path("invitations/<uuid:grant_id>/undo/", views.undo_accept, name="invitation-undo"),
    path("pointers/<uuid:pointer_id>/ask/", views.ask, name="ask"),
    path("requests/<uuid:request_id>/withdraw/", views.withdraw_request, name="request-withdraw"),
    path("requests/<uuid:request_id>/again/", views.ask_again, name="request-again"),
    path("asked/<uuid:asked_id>/decline/", views.decline, name="decline"),
    path("asked/<uuid:asked_id>/release/", views.release_asked, name="asked-release"),
    path("releases/<uuid:release_id>/withdraw/", views.withdraw_release, name="release-withdraw"),
    path("releases/<uuid:release_id>/undo/", views.undo_release, name="release-undo"),
    path("releases/<uuid:release_id>/again/", views.release_again, name="release-again"),
]

"""Addresses of the room of an agency's people, and of an invitation."""

from __future__ import annotations

from django.urls import path

from opencets_web.officers import views

app_name = "officers"
urlpatterns = [
    path("officers/", views.people, name="list"),
    path("officers/invite/", views.invite, name="invite"),
    path("officers/invitations/<uuid:invitation_id>/withdraw/", views.withdraw_invitation, name="invitation-withdraw"),
    path("officers/agency/", views.agency, name="agency"),
    path("officers/review/", views.review, name="review"),
    path("officers/review/sign/", views.sign_review, name="review-sign"),
    path("officers/unassigned/", views.unassigned, name="unassigned"),
    path("officers/unassigned/<str:reference>/assign/", views.assign, name="assign"),
    path("officers/<uuid:officer_id>/", views.officer, name="detail"),
    path("officers/<uuid:officer_id>/change/", views.change, name="change"),
    path("officers/<uuid:officer_id>/end/", views.end, name="end"),
    path("officers/<uuid:officer_id>/open/", views.open_again, name="open"),
    path("officers/<uuid:officer_id>/unlock/", views.unlock, name="unlock"),
    path("officers/<uuid:officer_id>/certify/", views.certify, name="certify"),
    path("officers/<uuid:officer_id>/cover/", views.cover, name="cover"),
    path("officers/<uuid:officer_id>/keep/", views.keep, name="keep"),
    path("officers/<uuid:officer_id>/keep/undo/", views.undo_keep, name="keep-undo"),
    path("officers/certifications/<uuid:certification_id>/withdraw/", views.withdraw_certification, name="uncertify"),
    path("officers/certifications/<uuid:certification_id>/restore/", views.restore_certification, name="recertify"),
    path("officers/covers/<uuid:cover_id>/end/", views.end_cover, name="cover-end"),
    path("account/invitation/<str:token>/", views.invitation, name="invitation"),
]

"""Addresses of emergency access."""

from __future__ import annotations

from django.urls import path

from opencets_web.emergencies import views

app_name = "emergencies"
urlpatterns = [
    path("emergencies/", views.list_emergencies, name="list"),
    path("emergencies/ask/", views.ask, name="ask"),
    path("emergencies/<uuid:emergency_id>/confirm/", views.confirm, name="confirm"),
    path("emergencies/<uuid:emergency_id>/refuse/", views.refuse, name="refuse"),
    path("emergencies/<uuid:emergency_id>/end/", views.end, name="end"),
    path("emergencies/<uuid:emergency_id>/review/", views.review, name="review"),
    path("emergencies/<uuid:emergency_id>/review/withdraw/", views.withdraw_review, name="review-withdraw"),
]

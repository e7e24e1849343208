"""Addresses of the auditor's room."""

from __future__ import annotations

from django.urls import path

from opencets_web.auditing import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.list_acts, name="list"),
    path("audit/export.csv", views.export_acts, name="export"),
    path("audit/export.jsonl", views.export_extract, name="extract"),
    path("audit/checkpoint.json", views.checkpoint, name="checkpoint"),
    path("audit/unusual/", views.unusual, name="unusual"),
    path("audit/unusual/mark/", views.mark, name="mark"),
    path("audit/marks/<uuid:mark_id>/withdraw/", views.withdraw_mark, name="mark-withdraw"),
    path("audit/reviews/", views.reviews, name="reviews"),
    path("audit/reviews/sign/", views.sign, name="sign"),
    path("audit/reviews/<uuid:review_id>/withdraw/", views.withdraw_review, name="review-withdraw"),
]

"""Addresses of evidence."""

from __future__ import annotations

from django.urls import path

from opencets_web.evidence import views

app_name = "evidence"
urlpatterns = [
    path("cases/<str:reference>/exhibits/", views.exhibits, name="exhibits"),
    path("cases/<str:reference>/exhibits/begin/", views.begin, name="begin"),
    path("cases/<str:reference>/exhibits/complete/", views.complete, name="complete"),
    path("cases/<str:reference>/messages/", views.message_list, name="messages"),
    path("exhibits/<uuid:exhibit_id>/", views.report, name="report"),
    path("exhibits/<uuid:exhibit_id>/comment/", views.comment, name="comment"),
    path("exhibits/<uuid:exhibit_id>/progress/", views.progress, name="progress"),
    path("exhibits/<uuid:exhibit_id>/finish/", views.finish, name="finish"),
    path("exhibits/<uuid:exhibit_id>/cancel/", views.cancel, name="cancel"),
    path("exhibits/<uuid:exhibit_id>/resume/", views.resume, name="resume"),
    path("files/<uuid:file_id>/columns/", views.columns, name="columns"),
]

"""Addresses of people, identifiers and records. An entity's address is the lowest id of its visible records."""

from __future__ import annotations

from django.urls import path

from opencets_web.entities import views

app_name = "entities"
urlpatterns = [
    path("entities/", views.list_entities, name="list"),
    path("entities/judge/", views.judge, name="judge"),
    path("entities/number/<str:number>/", views.numbered, name="number"),
    path("entities/<uuid:record_id>/", views.detail, name="detail"),
    path("weights/", views.weights, name="weights"),
    path("weights/ask/", views.ask_weights, name="weights-ask"),
    path("weights/back/", views.weights_back, name="weights-back"),
    path("weights/<uuid:version_id>/live/", views.weights_live, name="weights-live"),
    path("values/", views.shared, name="shared"),
    path("values/rule/", views.rule, name="rule"),
    path("values/rulings/<uuid:ruling_id>/end/", views.end_ruling, name="ruling-end"),
    path("cases/<str:reference>/people/", views.case_people, name="case"),
    path("judgements/<uuid:judgement_id>/undo/", views.undo, name="undo"),
    path("records/<uuid:record_id>/", views.record, name="record"),
]

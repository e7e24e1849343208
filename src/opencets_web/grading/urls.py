"""Addresses of series, grades and entries."""

from __future__ import annotations

from django.urls import path

from opencets_web.grading import views

app_name = "grading"
urlpatterns = [
    path("cases/<str:reference>/series/", views.of_case, name="of-case"),
    path("cases/<str:reference>/grading/", views.work, name="work"),
    path("cases/<str:reference>/grading/bar/", views.bar, name="bar"),
    path("cases/<str:reference>/grading/filter/", views.grade_filter, name="filter"),
    path("media/<uuid:media_id>/grades/", views.of_media, name="of-media"),
    path("media/<uuid:media_id>/grades/give/", views.give_one, name="give-one"),
    path("grading/give/", views.give, name="give"),
    path("grading/marks/", views.marks, name="marks"),
    path("grading/scheme/", views.choose_scheme, name="scheme"),
    path("grading/acts/<uuid:act_id>/undo/", views.undo, name="undo"),
    path("grading/acts/<uuid:act_id>/redo/", views.redo, name="redo"),
    path("grading/disagreements/", views.disagreements, name="disagreements"),
    path("grading/decisions/<uuid:decision_id>/show/", views.show_votes, name="show-votes"),
    path("grading/decisions/<uuid:decision_id>/settle/", views.settle, name="settle"),
    path("grading/decisions/<uuid:decision_id>/reopen/", views.reopen, name="reopen"),
    path("grading/decisions/<uuid:decision_id>/round/", views.open_round, name="round"),
    path("grading/decisions/<uuid:decision_id>/close-round/", views.close_round, name="close-round"),
    path("grading/entries/", views.entries, name="entries"),
    path("grading/entries/release/", views.release, name="release"),
    path("grading/entries/export/", views.export, name="export"),
    path("grading/entries/<uuid:entry_id>/withdraw/", views.withdraw, name="entry-withdraw"),
    path("grading/entries/<uuid:entry_id>/restore/", views.restore, name="entry-restore"),
    path("grading/rule/", views.rule, name="rule"),
]

"""Addresses of checklists, clocks and notices."""

from __future__ import annotations

from django.urls import path

from opencets_web.standards import views

app_name = "standards"
urlpatterns = [
    path("standards/", views.board, name="board"),
    path("standards/notices/", views.notices, name="notices"),
    path("standards/notices/<uuid:notice_id>/", views.notice, name="notice"),
    path("standards/notices/<uuid:notice_id>/seen/", views.see, name="see"),
    path("standards/notices/<uuid:notice_id>/new/", views.unsee, name="unsee"),
    path("standards/quiet-hours/", views.quiet, name="quiet"),
    path("standards/checklists/<uuid:applied_id>/undo/", views.undo_apply, name="undo-apply"),
    path("standards/checklists/<uuid:applied_id>/end/", views.end, name="end"),
    path("standards/checklists/<uuid:applied_id>/restore/", views.restore, name="restore"),
    path("standards/checklists/<uuid:applied_id>/move/", views.move, name="move"),
    path("standards/checklists/<uuid:applied_id>/back/", views.move_back, name="move-back"),
    path("standards/marks/<uuid:mark_id>/undo/", views.undo_mark, name="mark-undo"),
    path("standards/clocks/<uuid:clock_id>/undo/", views.undo_band, name="band-undo"),
    path("standards/clocks/<uuid:clock_id>/pause/", views.pause, name="pause"),
    path("standards/clocks/<uuid:clock_id>/resume/", views.resume, name="resume"),
    path("standards/clocks/<uuid:clock_id>/met/", views.meet, name="met"),
    path("standards/clocks/<uuid:clock_id>/reopen/", views.reopen, name="reopen"),
    path("cases/<str:reference>/standards/", views.case, name="case"),
    path("cases/<str:reference>/standards/apply/", views.apply, name="apply"),
    path("cases/<str:reference>/standards/steps/", views.mark, name="mark"),
    path("cases/<str:reference>/standards/band/", views.set_band, name="band"),
]

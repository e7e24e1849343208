"""Addresses of cases. The overview of a case, ``/cases/<reference>/``, is the desk's: it shows every room."""

from __future__ import annotations

from django.urls import path

from opencets_web.cases import views

app_name = "cases"
urlpatterns = [
    path("cases/", views.list_cases, name="list"),
    path("cases/new/", views.new_case, name="new"),
    path("cases/<str:reference>/change/", views.change_case, name="change"),
    path("cases/<str:reference>/close/", views.close_case, name="close"),
    path("cases/<str:reference>/reopen/", views.reopen_case, name="reopen"),
    path("cases/<str:reference>/join/", views.join_case, name="join"),
    path("cases/<str:reference>/leave/", views.leave_case, name="leave"),
    path("cases/<str:reference>/notes/", views.notes, name="notes"),
    path("cases/<str:reference>/numbers/", views.add_number, name="number-add"),
    path("cases/<str:reference>/numbers/<uuid:number_id>/remove/", views.remove_number, name="number-remove"),
    path("cases/<str:reference>/numbers/<uuid:number_id>/restore/", views.restore_number, name="number-restore"),
    path("cases/<str:reference>/history/", views.history, name="history"),
    path("changes/<uuid:change_id>/put-back/", views.put_back, name="put-back"),
    path("cases/<str:reference>/access/", views.access, name="access"),
    path("notes/<uuid:note_id>/withdraw/", views.withdraw_note, name="note-withdraw"),
    path("notes/<uuid:note_id>/restore/", views.restore_note, name="note-restore"),
]

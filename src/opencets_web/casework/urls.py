"""Addresses of the work on a case."""

from __future__ import annotations

from django.urls import path

from opencets_web.casework import views

app_name = "casework"
urlpatterns = [
    path("cases/<str:reference>/casework/", views.work, name="work"),
    path("cases/<str:reference>/comments/", views.comment, name="comment"),
    path("cases/<str:reference>/tasks/", views.task, name="task"),
    path("cases/<str:reference>/decisions/", views.decide, name="decide"),
    path("cases/<str:reference>/links/", views.link, name="link"),
    path("cases/<str:reference>/here/", views.here, name="here"),
    path("cases/<str:reference>/feed/", views.feed, name="feed"),
    path("comments/<uuid:comment_id>/withdraw/", views.withdraw_comment, name="comment-withdraw"),
    path("comments/<uuid:comment_id>/restore/", views.restore_comment, name="comment-restore"),
    path("tasks/<uuid:task_id>/done/", views.finish_task, name="task-done"),
    path("tasks/<uuid:task_id>/reopen/", views.reopen_task, name="task-reopen"),
    path("tasks/<uuid:task_id>/withdraw/", views.withdraw_task, name="task-withdraw"),
    path("tasks/<uuid:task_id>/restore/", views.restore_task, name="task-restore"),
    path("links/<uuid:link_id>/withdraw/", views.withdraw_link, name="link-withdraw"),
    path("links/<uuid:link_id>/again/", views.link_again, name="link-again"),
    path("notices/<uuid:notice_id>/", views.open_notice, name="notice-open"),
    path("notices/<uuid:notice_id>/read/", views.read_notice, name="notice-read"),
    path("notices/<uuid:notice_id>/unread/", views.unread_notice, name="notice-unread"),
]

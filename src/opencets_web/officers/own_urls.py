"""Addresses of an officer's own account; those of signing in itself are allauth's, beside these."""

from __future__ import annotations

from django.urls import path

from opencets_web.officers import own_views as views

app_name = "me"
urlpatterns = [
    path("", views.home, name="home"),
    path("sessions/<int:session_id>/end/", views.end_session, name="session-end"),
    path("sessions/end-others/", views.end_others, name="sessions-end"),
    path("locked/", views.locked, name="locked"),
    path("lock/", views.lock, name="lock"),
    path("seen/", views.seen, name="seen"),
    path("prove/", views.prove, name="prove"),
    path("notice/", views.notice, name="notice"),
]

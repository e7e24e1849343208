"""Addresses of exposure: how an officer sees, their own days, asking a colleague, the agency's load."""

from __future__ import annotations

from django.urls import path

from opencets_web.exposure import views

app_name = "exposure"
urlpatterns = [
    path("exposure/", views.mine, name="mine"),
    path("exposure/choose/", views.choose, name="choose"),
    path("exposure/enough/", views.enough, name="enough"),
    path("exposure/break/", views.begin_break, name="break"),
    path("exposure/break/end/", views.end_break, name="break-end"),
    path("exposure/break/later/", views.snooze, name="snooze"),
    path("exposure/talk/", views.talk, name="talk"),
    path("exposure/ask/", views.ask, name="ask"),
    path("exposure/asks/", views.asks, name="asks"),
    path("exposure/asks/<uuid:ask_id>/answer/", views.answer, name="answer"),
    path("exposure/asks/<uuid:ask_id>/end/", views.end_ask, name="ask-end"),
    path("exposure/load/", views.load, name="load"),
    path("exposure/rule/", views.rule, name="rule"),
    path("cases/<str:reference>/two-officers/", views.two_person, name="two"),
]

"""Addresses of declarations and conflicts."""

from __future__ import annotations

from django.urls import path

from opencets_web.deconfliction import views

app_name = "deconfliction"
urlpatterns = [
    path("deconfliction/", views.room, name="room"),
    path("deconfliction/begin/", views.begin, name="begin"),
    path("cases/<str:reference>/deconfliction/", views.case, name="case"),
    path("cases/<str:reference>/deconfliction/target/", views.target, name="target"),
    path("cases/<str:reference>/deconfliction/operation/", views.operation, name="operation"),
    path("declarations/<uuid:declaration_id>/", views.declaration, name="declaration"),
    path("declarations/<uuid:declaration_id>/withdraw/", views.withdraw, name="withdraw"),
    path("declarations/<uuid:declaration_id>/restore/", views.restore, name="restore"),
    path("conflicts/<uuid:conflict_id>/", views.conflict, name="conflict"),
    path("conflicts/<uuid:conflict_id>/write/", views.write, name="write"),
    path("conflicts/<uuid:conflict_id>/ask/", views.ask, name="ask"),
    path("conflicts/<uuid:conflict_id>/propose/", views.propose, name="propose"),
    path("conflicts/<uuid:conflict_id>/confirm/", views.confirm, name="confirm"),
    path("conflicts/<uuid:conflict_id>/reopen/", views.reopen, name="reopen"),
    path("conflicts/<uuid:conflict_id>/open/", views.open_to_them, name="open"),
]

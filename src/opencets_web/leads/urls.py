"""Addresses of alerts and connections."""

from __future__ import annotations

from django.urls import path

from opencets_web.leads import views

app_name = "leads"
urlpatterns = [
    path("alerts/", views.list_alerts, name="list"),
    path("alerts/threshold/", views.threshold, name="threshold"),
    path("alerts/<uuid:alert_id>/accept/", views.accept, name="accept"),
    path("alerts/<uuid:alert_id>/dismiss/", views.dismiss, name="dismiss"),
    path("alerts/<uuid:alert_id>/reopen/", views.reopen, name="reopen"),
    path("cases/<str:reference>/connections/", views.connections, name="connections"),
    path("connections/<uuid:connection_id>/", views.connection, name="show"),
]

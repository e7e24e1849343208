"""Addresses of link charts."""

from __future__ import annotations

from django.urls import path

from opencets_web.charts import views

app_name = "charts"
urlpatterns = [
    path("charts/", views.list_charts, name="list"),
    path("charts/save/", views.save, name="save"),
    path("charts/case/<str:reference>/", views.case, name="case"),
    path("charts/case/<str:reference>/graph.json", views.case_graph, name="case-graph"),
    path("charts/<uuid:record_id>/", views.around, name="around"),
    path("charts/<uuid:record_id>/graph.json", views.graph, name="graph"),
    path("charts/saved/<uuid:chart_id>/remove/", views.remove, name="remove"),
    path("charts/saved/<uuid:chart_id>/restore/", views.restore, name="restore"),
]

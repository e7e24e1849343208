"""Addresses of link charts."""

from __future__ import annotations

from django.urls import path

from opencets_web.charts import views

app_name = "charts"
urlpatterns = [
    path("charts/", views.list_charts, name="list"),
    path("charts/save/", views.save, name="save"),
    path("charts/export/", views.export, name="export"),
    path("charts/why.json", views.why, name="why"),
    path("charts/way.json", views.way, name="way"),
    path("charts/case/<str:reference>/", views.case, name="case"),
    path("charts/case/<str:reference>/graph.json", views.case_graph, name="case-graph"),
    path("charts/saved/<uuid:chart_id>/", views.saved, name="saved"),
    path("charts/saved/<uuid:chart_id>/graph.json", views.saved_graph, name="saved-graph"),
    path("charts/saved/<uuid:chart_id>/remove/", views.remove, name="remove"),
    path("charts/saved/<uuid:chart_id>/restore/", views.restore, name="restore"),
    path("charts/saved/<uuid:chart_id>/times/", views.saved_times, name="saved-times"),
    path("charts/<uuid:record_id>/times/", views.times, name="times"),
    path("charts/<uuid:record_id>/", views.around, name="around"),
    path("charts/<uuid:record_id>/graph.json", views.graph, name="graph"),
]

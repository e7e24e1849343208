"""Addresses of sightings."""

from __future__ import annotations

from django.urls import path

from opencets_web.sightings import views

app_name = "sightings"
urlpatterns = [
    path("sightings/", views.list_computers, name="list"),
    path("sightings/computers/<str:identity>/", views.computer, name="computer"),
    path("sightings/computers/<str:identity>/follow/", views.open_lead, name="lead-open"),
    path("sightings/leads/", views.list_leads, name="leads"),
    path("sightings/leads/<uuid:lead_id>/assign/", views.assign_lead, name="lead-assign"),
    path("sightings/leads/<uuid:lead_id>/case/", views.take_into_case, name="lead-case"),
    path("sightings/leads/<uuid:lead_id>/visit/", views.record_visit, name="lead-visit"),
    path("sightings/leads/<uuid:lead_id>/end/", views.end_lead, name="lead-end"),
    path("sightings/leads/<uuid:lead_id>/open-again/", views.reopen_lead, name="lead-reopen"),
    path("sightings/map/", views.show_map, name="map"),
    path("sightings/statistics/", views.statistics, name="statistics"),
    path("sightings/statistics/picture.svg", views.statistics_picture, name="statistics-picture"),
    path("sightings/statistics/table.csv", views.statistics_table, name="statistics-table"),
    path("sightings/jurisdictions/", views.jurisdictions, name="jurisdictions"),
    path("sightings/jurisdictions/open/", views.grant, name="grant"),
    path("sightings/jurisdictions/sights/<uuid:sight_id>/close/", views.withdraw_sight, name="sight-withdraw"),
    path("sightings/jurisdictions/sights/<uuid:sight_id>/open-again/", views.restore_sight, name="sight-restore"),
    path("sightings/received/", views.received, name="received"),
    path("sightings/sensors/", views.list_sensors, name="sensors"),
    path("sightings/sensors/<uuid:sensor_id>/renew/", views.renew_sensor, name="sensor-renew"),
    path("sightings/sensors/<uuid:sensor_id>/withdraw/", views.withdraw_sensor, name="sensor-withdraw"),
    path("sightings/sensors/<uuid:sensor_id>/restore/", views.restore_sensor, name="sensor-restore"),
    path("sightings/known-files/", views.sets, name="sets"),
    path("sightings/known-files/seek/", views.seek, name="seek"),
    path("sightings/known-files/<uuid:set_id>/withdraw/", views.withdraw_set, name="set-withdraw"),
    path("sightings/known-files/<uuid:set_id>/restore/", views.restore_set, name="set-restore"),
]

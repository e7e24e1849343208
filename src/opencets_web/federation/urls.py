"""Addresses of an agency's identity provider: the administrator's room, and the way in."""

from __future__ import annotations

from django.urls import path

from opencets_web.federation import entrance_views, views

app_name = "federation"
urlpatterns = [
    path("officers/sign-in/", views.providers, name="list"),
    path("officers/sign-in/oidc/", views.new_oidc, name="new-oidc"),
    path("officers/sign-in/saml/", views.new_saml, name="new-saml"),
    path("officers/sign-in/<uuid:provider_id>/", views.provider, name="provider"),
    path("officers/sign-in/<uuid:provider_id>/try/", views.try_it, name="try"),
    path("officers/sign-in/<uuid:provider_id>/on/", views.switch_on, name="on"),
    path("officers/sign-in/<uuid:provider_id>/off/", views.switch_off, name="off"),
    path("officers/sign-in/<uuid:provider_id>/take-off/", views.take_off, name="take-off"),
    path("officers/sign-in/<uuid:provider_id>/put-back/", views.put_back, name="put-back"),
    path("officers/sign-in/bindings/<uuid:binding_id>/release/", views.release, name="release"),
    path("officers/sign-in/bindings/<uuid:binding_id>/bind-again/", views.bind_again, name="bind-again"),
    path("account/provider/", entrance_views.find, name="find"),
    path("account/provider/<uuid:provider_id>/", entrance_views.begin, name="begin"),
    path("account/provider/<uuid:provider_id>/answer/", entrance_views.answer, name="answer"),
    path("account/provider/<uuid:provider_id>/finish/", entrance_views.finish, name="finish"),
    path("account/provider/<uuid:provider_id>/metadata/", entrance_views.metadata, name="metadata"),
]

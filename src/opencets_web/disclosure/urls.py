"""Addresses of packages."""

from __future__ import annotations

from django.urls import path

from opencets_web.disclosure import views

app_name = "disclosure"
urlpatterns = [
    path("cases/<str:reference>/packages/", views.packages, name="packages"),
    path("cases/<str:reference>/packages/new/", views.new, name="new"),
    path("packages/<uuid:package_id>/download/", views.download, name="download"),
    path("packages/<uuid:package_id>/notice/", views.notice, name="notice"),
    path("packages/<uuid:package_id>/withdraw/", views.withdraw, name="withdraw"),
    path("packages/<uuid:package_id>/restore/", views.restore, name="restore"),
    path("packages/<uuid:package_id>/receipt/", views.receipt, name="receipt"),
    path("packages/<uuid:package_id>/receipt-file/", views.receipt_file, name="receipt-file"),
    path("receipts/<uuid:receipt_id>/remove/", views.remove_receipt, name="receipt-remove"),
]

"""Addresses of parts asked for, released and received."""

from __future__ import annotations

from django.urls import path

from opencets_web.releases import views

app_name = "releases"
urlpatterns = [
    path("sharing/parts/", views.room, name="room"),
    path("sharing/parts/ask/", views.begin_ask, name="begin-ask"),
    path("sharing/parts/rules/", views.rules, name="rules"),
    path("sharing/parts/rules/second-person/", views.second_person, name="second-person"),
    path("sharing/parts/keys/<uuid:key_id>/end/", views.end_key, name="key-end"),
    path("sharing/parts/keys/<uuid:key_id>/restore/", views.restore_key, name="key-restore"),
    path("sharing/parts/bring/", views.bring, name="bring"),
    path("sharing/parts/requests/<uuid:request_id>/", views.request_page, name="request"),
    path("sharing/parts/requests/<uuid:request_id>/take-back/", views.take_back, name="request-take-back"),
    path("sharing/parts/requests/<uuid:request_id>/again/", views.ask_again, name="request-again"),
    path("sharing/parts/asked/<uuid:asked_id>/", views.asked, name="asked"),
    path("sharing/parts/asked/<uuid:asked_id>/decline/", views.decline, name="asked-decline"),
    path("sharing/parts/asked/<uuid:asked_id>/reconsider/", views.reconsider, name="asked-reconsider"),
    path("sharing/parts/asked/<uuid:asked_id>/pass-on/", views.answer_pass_on, name="asked-pass-on"),
    path("sharing/parts/releases/<uuid:release_id>/", views.release, name="release"),
    path("sharing/parts/releases/<uuid:release_id>/items/", views.add_items, name="items"),
    path("sharing/parts/releases/<uuid:release_id>/decisions/", views.decide, name="decisions"),
    path("sharing/parts/releases/<uuid:release_id>/send/", views.send, name="send"),
    path("sharing/parts/releases/<uuid:release_id>/approve/", views.approve, name="approve"),
    path("sharing/parts/releases/<uuid:release_id>/draft/", views.back_to_draft, name="draft"),
    path("sharing/parts/releases/<uuid:release_id>/discard/", views.discard, name="discard"),
    path("sharing/parts/releases/<uuid:release_id>/withdraw/", views.withdraw, name="withdraw"),
    path("sharing/parts/releases/<uuid:release_id>/reinstate/", views.reinstate, name="reinstate"),
    path("sharing/parts/releases/<uuid:release_id>/download/", views.download, name="download"),
    path("sharing/parts/releases/<uuid:release_id>/notice/", views.notice, name="notice"),
    path("sharing/parts/releases/<uuid:release_id>/receipt/", views.receipt, name="receipt"),
    path("sharing/parts/received/<uuid:part_id>/", views.received, name="received"),
    path("sharing/parts/received/<uuid:part_id>/accept/", views.accept, name="accept"),
    path("sharing/parts/received/<uuid:part_id>/refuse/", views.refuse, name="refuse"),
    path("sharing/parts/received/<uuid:part_id>/reconsider/", views.reconsider_refusal, name="received-reconsider"),
    path("sharing/parts/received/<uuid:part_id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("sharing/parts/received/<uuid:part_id>/pass-on/", views.pass_on, name="pass-on"),
    path("sharing/parts/received/<uuid:part_id>/receipt/", views.received_receipt, name="received-receipt"),
    path("sharing/parts/received/<uuid:part_id>/download/", views.received_download, name="received-download"),
    path("cases/<str:reference>/parts/", views.case, name="case"),
    path("cases/<str:reference>/parts/ask/", views.ask, name="ask"),
    path("cases/<str:reference>/parts/release/", views.begin, name="begin"),
]

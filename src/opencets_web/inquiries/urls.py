"""Addresses of data requests."""

from __future__ import annotations

from django.urls import path

from opencets_web.inquiries import views

app_name = "inquiries"
urlpatterns = [
    path("inquiries/", views.list_inquiries, name="list"),
    path("inquiries/providers/", views.providers, name="providers"),
    path("inquiries/providers/new/", views.new_provider, name="provider-new"),
    path("inquiries/providers/<uuid:provider_id>/", views.provider, name="provider"),
    path("inquiries/providers/<uuid:provider_id>/end/", views.end_provider, name="provider-end"),
    path("inquiries/providers/<uuid:provider_id>/restore/", views.restore_provider, name="provider-restore"),
    path("inquiries/letterhead/", views.letterhead, name="letterhead"),
    path("inquiries/values/<uuid:value_id>/", views.complete_value, name="value-complete"),
    path("inquiries/values/<uuid:value_id>/remove/", views.remove_value, name="value-remove"),
    path("inquiries/values/<uuid:value_id>/restore/", views.restore_value, name="value-restore"),
    path("inquiries/<uuid:inquiry_id>/", views.show, name="show"),
    path("inquiries/<uuid:inquiry_id>/letter.pdf", views.letter_pdf, name="letter-pdf"),
    path("inquiries/<uuid:inquiry_id>/letter.txt", views.letter_text, name="letter-text"),
    path("inquiries/<uuid:inquiry_id>/values/", views.add_values, name="value-add"),
    path("inquiries/<uuid:inquiry_id>/by-hand/", views.add_by_hand, name="value-by-hand"),
    path("inquiries/<uuid:inquiry_id>/approve/", views.approve, name="approve"),
    path("inquiries/<uuid:inquiry_id>/serve/", views.serve, name="serve"),
    path("inquiries/<uuid:inquiry_id>/preserved/", views.preserved, name="preserved"),
    path("inquiries/<uuid:inquiry_id>/renew/", views.renew, name="renew"),
    path("inquiries/<uuid:inquiry_id>/answer/", views.answer, name="answer"),
    path("inquiries/<uuid:inquiry_id>/answer/begin/", views.begin_answer, name="answer-begin"),
    path("inquiries/<uuid:inquiry_id>/answer/complete/", views.complete_answer, name="answer-complete"),
    path("inquiries/<uuid:inquiry_id>/refused/", views.refused, name="refused"),
    path("inquiries/<uuid:inquiry_id>/withdraw/", views.withdraw, name="withdraw"),
    path("inquiries/<uuid:inquiry_id>/take-draft-back/", views.withdraw_draft, name="withdraw-draft"),
    path("inquiries/<uuid:inquiry_id>/close/", views.close, name="close"),
    path("inquiries/<uuid:inquiry_id>/take-back/", views.take_back, name="take-back"),
    path("cases/<str:reference>/inquiries/", views.case, name="case"),
    path("cases/<str:reference>/inquiries/new/", views.new, name="new"),
]

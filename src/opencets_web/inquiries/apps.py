from django.apps import AppConfig


class InquiriesConfig(AppConfig):
    name = "opencets_web.inquiries"
    label = "inquiries"

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "opencets_web.accounts"
    label = "accounts"

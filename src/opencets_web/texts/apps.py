from django.apps import AppConfig


class TextsConfig(AppConfig):
    name = "opencets_web.texts"
    label = "texts"

    def ready(self) -> None:
        """Bring galleries their filter by visible text, the places in which their words are sought, and a line for who reads."""
        from opencets_web.media.queries import NARROWINGS, WORD_PLACES, WORDINGS
        from opencets_web.texts.finding import FILTERS, said_by, said_of

        NARROWINGS.update(FILTERS)
        WORD_PLACES["texts"] = said_by
        WORDINGS["texts"] = said_of

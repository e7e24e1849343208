from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "opencets_web.grading"
    label = "grading"

    def ready(self) -> None:
        """Bring galleries their filters by grade."""
        from opencets_web.grading import filters
        from opencets_web.grading.queries import FILTERS
        from opencets_web.media.queries import NARROWINGS, VALUED

        NARROWINGS.update(FILTERS)
        VALUED["grade"] = (filters.words_of, filters.narrow)

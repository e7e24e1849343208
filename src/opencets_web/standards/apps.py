from django.apps import AppConfig


class StandardsConfig(AppConfig):
    name = "opencets_web.standards"
    label = "standards"

    def ready(self) -> None:
        """Read the checklists and clocks when the program starts; SourceRefused names file and line where one is not right."""
        from opencets_web.standards.known import known

        known()

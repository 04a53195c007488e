"""`python -m webhooks` serves; `python -m webhooks migrate` migrates the database."""

from kurs.data.migrations import migrate
from kurs.web.server import main
from webhooks.app import create_app
from webhooks.migrations import GRANTS, VERSIONS
from webhooks.settings import WebhooksSettings

if __name__ == "__main__":
    settings = WebhooksSettings()
    main(
        settings,
        lambda: create_app(settings),
        migrate=lambda: migrate(
            settings.database_url, VERSIONS, grants=GRANTS, role=settings.database_service_role
        ),
    )

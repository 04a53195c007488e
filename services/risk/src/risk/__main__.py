"""`python -m risk` serves; `python -m risk migrate` migrates the database."""

from kurs.data.migrations import migrate
from kurs.web.server import main
from risk.app import create_app
from risk.migrations import GRANTS, VERSIONS
from risk.settings import RiskSettings

if __name__ == "__main__":
    main(
        RiskSettings,
        create_app,
        migrate=lambda its: migrate(
            its.database_url, VERSIONS, grants=GRANTS, role=its.database_service_role
        ),
    )

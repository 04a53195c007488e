"""`python -m payments` serves payments; `python -m payments migrate` migrates its database."""

from kurs.server import main
from payments.app import VERSIONS, create_app
from payments.settings import PaymentsSettings

if __name__ == "__main__":
    settings = PaymentsSettings()
    main(settings, lambda: create_app(settings), versions=VERSIONS)

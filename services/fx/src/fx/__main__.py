"""`python -m fx` serves."""

from fx.app import create_app
from fx.settings import FxSettings
from kurs.web.server import main

if __name__ == "__main__":
    main(FxSettings, create_app)

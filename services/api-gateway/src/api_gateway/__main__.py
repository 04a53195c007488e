"""Runs the gateway: `python -m api_gateway`."""

from api_gateway.app import create_app
from api_gateway.settings import GatewaySettings
from kurs.web.server import main

if __name__ == "__main__":
    main(GatewaySettings, create_app)

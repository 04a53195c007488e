"""Property tests here may take their time: no test asserts a time."""

from hypothesis import settings

settings.register_profile("resources", deadline=None)
settings.load_profile("resources")

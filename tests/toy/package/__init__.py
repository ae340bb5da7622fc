"""A topic for the tests of the shared services: cheap, and able to fail in every way."""

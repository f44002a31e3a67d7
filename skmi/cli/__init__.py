"""The command line: ``python -m skmi``."""

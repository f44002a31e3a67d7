"""Command line: ``python -m skmi`` ranks the features of a table."""

"""Write the pages."""


def write_pages():
    """Write nothing yet."""

"""What every module builds on: parameters, docstrings, the device rule."""

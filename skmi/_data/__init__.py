"""From what users pass to arrays: types, validation, checks, scales, splits."""

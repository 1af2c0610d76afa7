"""What the standards call a disturbance, as pure functions and data. Numbers and clauses stand where they are used.

Where a docstring says (M), the number is agreed between secondary sources and the standard itself was not read.
"""

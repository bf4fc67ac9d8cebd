# call
# The parent with real children, as an operator meets them.
TESTS += tests/call/parent.py
EXTRA_DIST += tests/call/parent.py

# The package solution/ is found first.

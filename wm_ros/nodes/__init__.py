"""The seven nodes, an executable each, and their stages on topics."""

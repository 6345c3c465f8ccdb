"""Labels of queries that belong to no class of their episode."""

UNKNOWN = -1
"""Label of a query whose class is absent from the support set."""

PAD_QUERY = -100
"""Label of a position that only fills up the batch."""

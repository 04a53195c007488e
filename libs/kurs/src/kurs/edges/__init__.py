"""Who may call whom: each edge between two services has a key, and each request proves its edge.

`table` says which service calls which for which routes, `mac` what a request carries, `keys` where
keys come from, and `guard` holds a service to it.
"""

from kurs.edges.guard import edge_request_id
from kurs.edges.joined import Edges
from kurs.edges.mac import EDGE_HEADER, Signer
from kurs.edges.table import EDGES, PUBLIC_ROUTES, PublicRoute, Route

__all__ = [
    "EDGES",
    "EDGE_HEADER",
    "PUBLIC_ROUTES",
    "Edges",
    "PublicRoute",
    "Route",
    "Signer",
    "edge_request_id",
]

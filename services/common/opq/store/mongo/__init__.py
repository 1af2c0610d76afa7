"""The store of a cluster: a MongoDB replica set."""

from opq.store.mongo.store import MongoStore

__all__ = ["MongoStore"]

"""From a store URL to an open store; the only place that knows both adapters."""

from pathlib import Path
from urllib.parse import urlsplit

from opq.errors import InvalidInput
from opq.store.port import Store


def open_store(url: str) -> Store:
    """Open the store that `url` names and create what is missing in it.

    Parameters
    ----------
    url : str
        ``sqlite:DIRECTORY`` (one machine; the directory is made) or ``mongodb://HOST[:PORT],.../DATABASE[?OPTIONS]``
        (also ``mongodb+srv``).

    Raises
    ------
    InvalidInput
        If `url` has another form.
    Unavailable
        If the server does not answer.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from opq.store.sqlite import SqliteStore

        directory = url.removeprefix("sqlite:")
        if not directory or directory.startswith("//"):
            raise InvalidInput(f"store: got {url!r}, expected sqlite:DIRECTORY, for example sqlite:opq-data")
        return SqliteStore(Path(directory))
    if scheme in ("mongodb", "mongodb+srv"):
        from opq.store.mongo import MongoStore

        return MongoStore(url)
    raise InvalidInput(f"store: got {url!r}, expected sqlite:DIRECTORY or mongodb://HOST/DATABASE")

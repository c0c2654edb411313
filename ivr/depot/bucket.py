"""A depot in a bucket of any service that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from ivr.config import BucketSettings, SettingsError
from ivr.depot.errors import DepotAway, NotThere

_CONNECT: Final = timedelta(seconds=5)
_WHOLE: Final = timedelta(minutes=5)
"""The longest recording over a slow line."""
_RETRIES: Final = {"max_retries": 2, "retry_timeout": timedelta(seconds=15)}
"""Whoever asks tries again by itself, later."""


class BucketDepot:
    """Objects of a bucket, each put whole: S3 shows no half of one."""

    def __init__(self, settings: BucketSettings) -> None:
        try:
            self._obstore: Any = import_module("obstore")
            self._faults: Any = import_module("obstore.exceptions")
            stores: Any = import_module("obstore.store")
        except ImportError:
            raise SettingsError(
                "depot.bucket 的程序没有装：pip install 'ivr-12329[s3]' · obstore is not installed"
            ) from None
        self.place = f"{settings.endpoint or 's3'}/{settings.name}"
        self._store: Any = stores.S3Store(
            settings.name,
            prefix=settings.prefix or None,
            config=_config(settings),
            client_options={
                "connect_timeout": _CONNECT,
                "timeout": _WHOLE,
                "allow_http": (settings.endpoint or "").startswith("http://"),
            },
            retry_config=_RETRIES,
        )

    def put(self, name: str, content: bytes) -> None:
        """In several requests where it is long; it has its name after the last one."""
        with self._told(name):
            self._obstore.put(self._store, name, content)

    def get(self, name: str) -> bytes:
        """Raises NotThere."""
        with self._told(name):
            return bytes(self._obstore.get(self._store, name).bytes())

    def has(self, name: str) -> bool:
        """By its head."""
        try:
            with self._told(name):
                self._obstore.head(self._store, name)
        except NotThere:
            return False
        return True

    def remove(self, name: str) -> None:
        """S3 says the same whether it was there."""
        try:
            with self._told(name):
                self._obstore.delete(self._store, name)
        except NotThere:
            return

    def names(self, under: str) -> Iterator[str]:
        """As the service lists them, in pages."""
        with self._told(under):
            for page in self._obstore.list(self._store, prefix=under):
                yield from (each["path"] for each in page)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """The library's words may hold the request; only the kind of its fault is told."""
        try:
            yield
        except FileNotFoundError:
            raise NotThere(name) from None
        except (self._faults.BaseError, OSError) as fault:
            if isinstance(fault, self._faults.NotFoundError):
                raise NotThere(name) from None
            raise DepotAway(f"{self.place}: {_in_words(type(fault).__name__)}") from None


def _config(settings: BucketSettings) -> dict[str, Any]:
    given = {
        "access_key_id": settings.key,
        "secret_access_key": settings.secret.get_secret_value(),
        "region": settings.region,
        "virtual_hosted_style_request": not settings.in_path,
    }
    return given if settings.endpoint is None else {**given, "endpoint": settings.endpoint}


def _in_words(kind: str) -> str:
    return _WORDS.get(kind, f"没有回答，或答错误（{kind}）· does not answer, or with an error")


_WORDS: Final = {
    "PermissionDeniedError": "不允许：核对密钥的权限 · permission denied",
    "UnauthenticatedError": "key 或 secret 不对 · the key or the secret is wrong",
}

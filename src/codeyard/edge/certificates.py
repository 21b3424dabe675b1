"""Which certificate a TLS connection is shown: by the name it asks for (SNI, RFC 6066), and always the latest."""

from __future__ import annotations

import datetime
import logging
import re
import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from codeyard.edge import authority, own, tls
from codeyard.edge.authority import CertificateError

log = logging.getLogger(__name__)
_MOST = 64  # certificates kept that were issued for AWS names outside of the home region
_RENEW_EVERY = datetime.timedelta(hours=1)
_AWS_NAME = re.compile(rf"(?:[a-z0-9](?:[a-z0-9_-]{{0,61}}[a-z0-9])?\.){{1,8}}{re.escape(authority.AWS)}")


class Certificates:
    """The server's own certificate, where it has one, for its names; our CA's for the rest and for AWS's names.

    `context` is for the listener: each handshake moves on to what is current, so a new file counts from the next
    connection on, and a broken one not at all.
    """

    def __init__(
        self,
        folder: Path,
        names: list[str],
        files: own.Files | None,
        system: Path,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._folder, self._names, self._files, self._system, self._now = folder, names, files, system, now
        self._issued: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._stamp = files.stamp() if files else ()
        self._own = own.load(files, now()) if files else None
        self._renew()
        if self._own and files and own.readable_by_others(files.key):
            log.warning("%s can be read by other users: chmod 600 it", files.key)
        self.context = tls.server_context(folder / "server.pem")
        self.context.sni_callback = self._choose

    @property
    def verified_by(self) -> Path:
        """The file whose CAs verify whatever certificate we show."""
        return self._folder / ("ca-bundle.pem" if self._own else "ca.pem")

    def look(self, *, force: bool = False) -> None:
        """Take up a certificate that has been replaced, and renew ours in time; cheap where nothing has changed."""
        if force or self._now() >= self._renew_at:
            self._renew_in_time()
        stamp = self._files.stamp() if self._files else ()
        if self._files and (force or stamp != self._stamp):
            self._stamp = stamp
            self._reload(self._files)

    def _renew_in_time(self) -> None:
        try:
            self._renew()
        except OSError:
            log.exception("our certificate could not be renewed")

    def _reload(self, files: own.Files) -> None:
        try:
            self._own = own.load(files, self._now())
        except CertificateError as problem:
            log.error("the certificate stays as it was: %s", problem)
            return
        self._tell_clients()
        log.info("a new certificate, valid until %s", self._own.certificate.not_valid_after_utc)

    def _renew(self) -> None:
        self._renew_at = self._now() + _RENEW_EVERY
        tls.ensure_certificates(self._folder, self._names, self._now())
        path = self._folder / "server.pem"
        self._leaf = x509.load_pem_x509_certificate(path.read_bytes())
        self._ours = tls.server_context(path)
        self._issued.clear()
        self._tell_clients()

    def _tell_clients(self) -> None:
        bundle = tls.bundle(self._folder, self._system, self._own.issuers if self._own else b"")
        if self._own and (why := own.verifies(self._own, bundle)):
            log.warning("no CA known here verifies the certificate (%s): name its CA with --tls-ca", why)

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._context_for((name or "").lower().rstrip("."))

    def _context_for(self, name: str) -> ssl.SSLContext:
        """Ours where it alone has the name; a client that names none has an address, which is seldom in one's own."""
        if self._own and name and authority.covers(self._own.certificate, name):
            return self._own.context
        if authority.covers(self._leaf, name):
            return self._ours
        if _AWS_NAME.fullmatch(name) and len(name) <= 253:
            try:
                return self._aws(name)
            except OSError:
                log.exception("no certificate could be made for %s", name)
        return self._own.context if self._own and (name or _has_address(self._own.certificate)) else self._ours

    def _aws(self, name: str) -> ssl.SSLContext:
        """A certificate of that name and its neighbours, made at the first request for one of them."""
        key = "*." + name.partition(".")[2]
        found = self._issued.get(key)
        if found is None:
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix="leaf-") as file:  # made with mode 0600
                file.write(tls.issued(self._folder, [key, name], self._now()))
                file.flush()
                found = tls.server_context(Path(file.name))
            self._issued[key] = found
            if len(self._issued) > _MOST:
                self._issued.popitem(last=False)
        self._issued.move_to_end(key)
        return found


def _has_address(certificate: x509.Certificate) -> bool:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return bool(names.get_values_for_type(x509.IPAddress))

"""A SAML identity provider on pysaml2, which signs with Debian's xmlsec1: not a line of it is ours but what it is told.

As a program, ``python saml_peer.py FOLDER`` is asked over its own socket by the browser of the tests: it takes the AuthnRequest
that the browser brings, and gives the response that its page has the browser post; to a browser, that page.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"


def make_key(folder: Path, name: str, days: int = 300) -> str:
    """A fresh key and its certificate as PEM files; the certificate's DER in base64."""
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "idp.avon.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.key").write_bytes(private)
    (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def _server(folder: Path, told: dict[str, Any], port: int) -> Any:
    from saml2 import BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.server import Server

    entity = f"http://localhost:{port}/idp"
    sign_on = f"http://{told.get('host', 'localhost')}:{port}/sso"
    config = IdPConfig().load(
        {
            "entityid": told.get("entity", entity),
            "xmlsec_binary": "/usr/bin/xmlsec1",
            "key_file": str(folder / f"{told.get('key', 'first')}.key"),
            "cert_file": str(folder / f"{told.get('key', 'first')}.pem"),
            "metadata": {"local": [str(folder / "sp.xml")]} if (folder / "sp.xml").exists() else {},
            "service": {
                "idp": {
                    "endpoints": {"single_sign_on_service": [(sign_on, BINDING_HTTP_REDIRECT)]},
                    "policy": {"default": {"lifetime": {"minutes": told.get("minutes", 5)}, "name_form": URI}},
                }
            },
        }
    )
    return Server(config=config)


def _answer(folder: Path, port: int, query: str) -> tuple[str, str]:
    """The response to an AuthnRequest, as base64, with what ``told.json`` wants otherwise, and where it is posted."""
    import base64

    from saml2 import BINDING_HTTP_REDIRECT
    from saml2.saml import NameID
    from saml2.xmldsig import DIGEST_SHA1, DIGEST_SHA256, SIG_RSA_SHA1, SIG_RSA_SHA256

    told = json.loads((folder / "told.json").read_text())
    server = _server(folder, told, port)
    asked = server.parse_authn_request(parse_qs(query)["SAMLRequest"][0], BINDING_HTTP_REDIRECT)
    given = server.response_args(asked.message)
    old = told.get("sha1", False)
    response = server.create_authn_response(
        identity=told.get("identity", {"mail": "owner@avon.example.org"}),
        in_response_to=told.get("in_response_to", given["in_response_to"]),
        destination=told.get("destination", given["destination"]),
        sp_entity_id=told.get("audience", given["sp_entity_id"]),
        name_id=NameID(
            format=told.get("format", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
            text=told.get("subject", "subject-1"),
        ),
        authn={"class_ref": told.get("context", "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport")},
        sign_assertion=told.get("sign_assertion", True),
        sign_response=told.get("sign_response", False),
        sign_alg=SIG_RSA_SHA1 if old else SIG_RSA_SHA256,
        digest_alg=DIGEST_SHA1 if old else DIGEST_SHA256,
    )
    return base64.b64encode(str(response).encode()).decode(), given["destination"]


PAGE = """<!doctype html><title>Provider</title><form method="post" action="{1}">
<input type="hidden" name="SAMLResponse" value="{0}"><button>subject-1</button></form>"""


def main(folder: Path) -> None:
    """Serve until ended; the first line of the output is the port."""
    make_key(folder, "first")
    make_key(folder, "second")
    make_key(folder, "soon", days=10)
    make_key(folder, "ended", days=-1)
    (folder / "told.json").write_text("{}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/metadata":
                from saml2.metadata import create_metadata_string

                told = json.loads((folder / "told.json").read_text())
                text = create_metadata_string(None, config=_server(folder, told, port).config)
                text = text if isinstance(text, bytes) else text.encode()
            else:
                said = _answer(folder, port, parts.query)
                shown = PAGE.format(*said) if "text/html" in self.headers.get("Accept", "") else said[0]
                text = shown.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *given: Any) -> None:
            return None

    served = HTTPServer(("127.0.0.1", 0), Handler)
    port = served.server_port
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    served.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636): what is asked, and what of the answer holds.

Configuration and keys are asked for at each sign-in, so that a key that the provider changed today is known today. A token holds
with a signature of a key in the provider's own set, by an algorithm of public keys (no ``none``, no HMAC), for this issuer, this
client, this nonce, and now.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from opencets_web.federation.asserted import AnswerRefused, Asserted
from opencets_web.federation.fetching import ask, require_address

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SKEW = 120
"""Seconds by which the provider's clock may differ from ours."""
OLDEST = 600
"""Seconds after which a token is too old to be the answer to this sign-in."""


@dataclass(frozen=True, slots=True)
class Client:
    """This system as the provider knows it."""

    issuer: str
    client_id: str
    secret: str
    redirect_uri: str


def configuration(issuer: str) -> dict[str, Any]:
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 4). AnswerRefused where it is another's."""
    require_address(issuer, "The issuer")
    said: dict[str, Any] = ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration", "The provider's configuration")
    if said.get("issuer") != issuer:
        raise AnswerRefused(f"The configuration is of another issuer: {str(said.get('issuer'))[:200]}")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        require_address(str(said.get(name) or ""), f"The provider's {name}")
    return said


def request_url(client: Client, *, state: str, nonce: str, verifier: str, accepted: list[str]) -> str:
    """Where the browser goes to sign in."""
    said = configuration(client.issuer)
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    supported = said.get("acr_values_supported")
    if asked := [value for value in accepted if isinstance(supported, list) and value in supported]:
        query["acr_values"] = " ".join(asked)
    endpoint = str(said["authorization_endpoint"])
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def take_answer(client: Client, *, code: str, said_issuer: str, nonce: str, verifier: str) -> Asserted:
    """Redeem the code and verify the ID token; AnswerRefused, with the reason, for whatever does not hold."""
    said = configuration(client.issuer)
    # RFC 9207: an answer that names its issuer names this one.
    if said_issuer and said_issuer != client.issuer:
        raise AnswerRefused(f"The answer is of another issuer: {said_issuer[:200]}")
    tokens = _redeem(client, said, code=code, verifier=verifier)
    claims = _verified(client, said, str(tokens.get("id_token") or ""), nonce=nonce)
    email, verified = claims.get("email"), claims.get("email_verified")
    if (not email or verified is not True) and said.get("userinfo_endpoint") and tokens.get("access_token"):
        told = ask(
            str(said["userinfo_endpoint"]),
            "The provider's userinfo_endpoint",
            headers={"Authorization": f"Bearer {tokens['access_token']}"},
        )
        # Section 5.3.2: the subject of both is the same, or the second is not taken.
        if told.get("sub") != claims["sub"]:
            raise AnswerRefused("The provider's userinfo_endpoint speaks of another subject than its token.")
        if told.get("email"):
            email, verified = told["email"], told.get("email_verified")
    methods = claims.get("amr")
    acr = claims.get("acr")
    proofs = [*([acr] if isinstance(acr, str) else []), *(methods if isinstance(methods, list) else [])]
    return Asserted(
        subject=claims["sub"],
        email=email.strip().lower() if isinstance(email, str) else "",
        verified=verified is True,
        proofs=tuple(str(proof)[:200] for proof in proofs),
        shown=tuple(
            (name, str(claims[name])[:200])
            for name in ("iss", "sub", "aud", "acr", "amr", "name", "auth_time")
            if name in claims
        ),
    )


def _redeem(client: Client, said: dict[str, Any], *, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "client_id": client.client_id,
        "code_verifier": verifier,
    }
    headers = {}
    methods = said.get("token_endpoint_auth_methods_supported")
    if isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods:
        form["client_secret"] = client.secret
    elif client.secret:
        # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    tokens: dict[str, Any] = ask(
        str(said["token_endpoint"]), "The provider's token_endpoint", form=form, headers=headers
    )
    return tokens


def _verified(client: Client, said: dict[str, Any], token: str, *, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that holds (OpenID Connect Core 1.0, section 3.1.3)."""
    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise AnswerRefused("The provider sent no ID token that can be read.") from None
    algorithm = head.get("alg")
    if algorithm not in ALGORITHMS:
        raise AnswerRefused(f"The ID token is not signed with a public key (alg {str(algorithm)[:20]}).")
    key = _key(ask(str(said["jwks_uri"]), "The provider's keys"), head.get("kid"), algorithm)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=client.client_id,
            issuer=client.issuer,
            leeway=SKEW,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise AnswerRefused(
            _SENTENCES.get(type(error), "The ID token does not hold: {error}").format(error=error)
        ) from None
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != client.client_id:
        raise AnswerRefused("The ID token is for several, and was not asked for by this system (azp).")
    if claims.get("azp") not in (None, client.client_id):
        raise AnswerRefused("The ID token was asked for by another system (azp).")
    if time.time() - float(claims["iat"]) > OLDEST + SKEW:
        raise AnswerRefused("The ID token is older than this sign-in.")
    if not hmac.compare_digest(str(claims.get("nonce") or ""), nonce):
        raise AnswerRefused("The ID token is not the answer to this sign-in (nonce).")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise AnswerRefused("The ID token names no subject.")
    return claims


_SENTENCES: dict[type[Exception], str] = {
    jwt.InvalidSignatureError: "The ID token is not signed by a key of the provider.",
    jwt.ExpiredSignatureError: "The ID token is not valid any more: its time is over, or the clocks differ.",
    jwt.ImmatureSignatureError: "The ID token is not valid yet: the provider's clock is ahead by more than two minutes.",
    jwt.InvalidIssuedAtError: "The ID token is not valid yet: the provider's clock is ahead by more than two minutes.",
    jwt.InvalidAudienceError: "The ID token is for another system (aud).",
    jwt.InvalidIssuerError: "The ID token is of another issuer (iss).",
    jwt.MissingRequiredClaimError: "The ID token lacks what it must say: {error}",
}


def _key(said: dict[str, Any], kid: Any, algorithm: str) -> Any:
    """The key of the provider's set that may have signed: the one that is named, or the only one of its kind."""
    keys = said.get("keys")
    fitting = []
    for row in keys if isinstance(keys, list) else []:
        if not isinstance(row, dict) or row.get("use", "sig") != "sig" or row.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        if row.get("alg", algorithm) != algorithm or (kid is not None and row.get("kid") != kid):
            continue
        fitting.append(row)
    if len(fitting) != 1:
        raise AnswerRefused("The ID token is not signed by a key of the provider.")
    try:
        return jwt.PyJWK(fitting[0], algorithm=algorithm).key
    except jwt.PyJWTError:
        raise AnswerRefused("The provider's key cannot be read.") from None


def fresh() -> dict[str, str]:
    """State, nonce and PKCE verifier of a new sign-in, each of 256 bits."""
    return {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}

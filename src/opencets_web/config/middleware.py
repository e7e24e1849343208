"""Headers that every answer carries."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


def security_headers(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """No inline script or style, nothing from elsewhere, no guessing of types, nothing kept by shared caches."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def refuse_nul(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """A NUL in the address or in a cookie is an attack or damage: PostgreSQL keeps no such text, so it is refused here (400)."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        asked = (request.path, *request.GET, *(value for _, values in request.GET.lists() for value in values))
        if any("\x00" in text for text in (*asked, *request.COOKIES.values())):
            sentence = "The address or a cookie has a NUL character in it."
            if request.path.startswith("/api/"):
                return JsonResponse({"code": "value-refused", "sentence": sentence}, status=400)
            return HttpResponse(sentence, status=400, content_type="text/plain")
        return get_response(request)

    return answer

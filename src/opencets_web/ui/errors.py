"""Pages of refusal that Django asks for by name."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page is too old, or the request came from elsewhere; nothing was changed."""
    return render(request, "403_csrf.html", status=403)

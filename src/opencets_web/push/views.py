"""The panel of web push: actor, query or form, action, render."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused
from opencets_web.policy.middleware import actor_of
from opencets_web.push import actions, queries
from opencets_web.push.services import Browser


@require_GET
def panel(request: HttpRequest) -> HttpResponse:
    template = "push/panel.html" if request.headers.get("HX-Request") else "push/page.html"
    return render(request, template, {"push": queries.get_panel(actor_of(request))})


@require_POST
def subscribe(request: HttpRequest) -> JsonResponse:
    try:
        given = json.loads(request.body)
        browser = Browser(str(given["endpoint"]), str(given["keys"]["p256dh"]), str(given["keys"]["auth"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ActRefused("The browser gave no subscription; try again.") from None
    made = actions.subscribe(actor_of(request), browser, request.headers.get("User-Agent", ""))
    return JsonResponse({"id": str(made)})


@require_POST
def end(request: HttpRequest, subscription_id: UUID) -> HttpResponse:
    actions.end_subscription(actor_of(request), subscription_id)
    messages.success(request, "That browser is told nothing more. Ask there again to be told.")
    return redirect("standards:notices")


@require_POST
def switch_off(request: HttpRequest) -> HttpResponse:
    actions.switch(actor_of(request), off=True)
    undo = reverse("push:switch-on")
    messages.success(request, "Nobody of your agency is told by web push now.", extra_tags=f"undo:{undo}")
    return redirect("standards:notices")


@require_POST
def switch_on(request: HttpRequest) -> HttpResponse:
    actions.switch(actor_of(request), off=False)
    undo = reverse("push:switch-off")
    messages.success(request, "Officers of your agency may be told by web push.", extra_tags=f"undo:{undo}")
    return redirect("standards:notices")

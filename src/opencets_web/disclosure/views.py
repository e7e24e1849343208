"""Pages of packages: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from opencets.errors import ActRefused, NotFound
from opencets_web.cases.views import int_of
from opencets_web.disclosure import actions, queries
from opencets_web.disclosure.forms import PackageForm, ReceiptForm, SignedReceiptForm, WithdrawForm
from opencets_web.media import serving
from opencets_web.policy.middleware import actor_of


@require_GET
def packages(request: HttpRequest, reference: str) -> HttpResponse:
    found = queries.list_packages(actor_of(request), reference, number=int_of(request, "page"))
    return render(request, "disclosure/packages.html", {"frame": found.frame, "found": found})


def new(request: HttpRequest, reference: str) -> HttpResponse:
    """Choose what is released; a POST shows what would be in it, or makes it."""
    actor, preview = actor_of(request), None
    found = queries.get_new_package(actor, reference)
    form = PackageForm(request.POST or None, exhibits=found.exhibits, code_c=found.frame.conditions)
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("step") == "make":
                actions.ask_package(actor, reference, form.choice())
                messages.success(request, "The package is being made; it appears here.")
                return redirect("disclosure:packages", reference)
            preview = queries.preview_package(actor, reference, form.choice())
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"frame": found.frame, "form": form, "preview": preview}
    return render(request, "disclosure/new.html", page, status=422 if form.errors else 200)


@require_safe
def download(request: HttpRequest, package_id: UUID) -> HttpResponseBase:
    found = queries.get_download(actor_of(request), package_id)
    return serving.original(
        request, found.open(), size=found.size, media_type="application/zip", name=found.name, sha256=found.sha256
    )


@require_GET
def notice(request: HttpRequest, package_id: UUID) -> HttpResponse:
    name, text = queries.get_notice(actor_of(request), package_id)
    answer = HttpResponse(text, content_type="application/json")
    answer.headers["Content-Disposition"] = serving.disposition(name, inline=False)
    return answer


@require_POST
def withdraw(request: HttpRequest, package_id: UUID) -> HttpResponse:
    form = WithdrawForm(request.POST)
    reference = actions.withdraw_package(
        actor_of(request), package_id, form.cleaned_data["reason"] if form.is_valid() else ""
    )
    undo = reverse("disclosure:restore", args=[package_id])
    messages.success(request, "It is withdrawn. Send its recipients the notice.", extra_tags=f"undo:{undo}")
    return redirect("disclosure:packages", reference)


@require_POST
def restore(request: HttpRequest, package_id: UUID) -> HttpResponse:
    reference = actions.restore_package(actor_of(request), package_id)
    messages.success(request, "The withdrawal is taken back. Tell the recipients if they have the notice already.")
    return redirect("disclosure:packages", reference)


@require_POST
def receipt(request: HttpRequest, package_id: UUID) -> HttpResponse:
    form = ReceiptForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {"received_by": "", "received_on": None}
    made, reference = actions.enter_receipt(actor_of(request), package_id, **given)
    undo = reverse("disclosure:receipt-remove", args=[made])
    messages.success(request, "The receipt is entered.", extra_tags=f"undo:{undo}")
    return redirect("disclosure:packages", reference)


@require_POST
def receipt_file(request: HttpRequest, package_id: UUID) -> HttpResponse:
    form = SignedReceiptForm(request.POST, request.FILES)
    signed = form.cleaned_data["file"] if form.is_valid() else b""
    made, reference = actions.take_receipt(actor_of(request), package_id, signed)
    undo = reverse("disclosure:receipt-remove", args=[made])
    messages.success(request, "The signed receipt fits this package.", extra_tags=f"undo:{undo}")
    return redirect("disclosure:packages", reference)


@require_POST
def remove_receipt(request: HttpRequest, receipt_id: UUID) -> HttpResponse:
    reference = actions.remove_receipt(actor_of(request), receipt_id)
    messages.success(request, "The receipt is taken back; the log keeps it.")
    return redirect("disclosure:packages", reference)

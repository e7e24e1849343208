"""Pages of an agency's people: actor, query or form, action, render."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.officers import actions, forms, queries
from opencets_web.policy.middleware import actor_of


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    return render(request, "officers/list.html", {"people": queries.get_people(actor_of(request))})


def invite(request: HttpRequest) -> HttpResponse:
    """Invite somebody; the link is shown once, on the answer to the form."""
    actor = actor_of(request)
    actions.require_role(actor, "administrator")
    form, link = forms.InviteForm(request.POST or None, units=queries.list_units(actor)), ""
    if request.method == "POST" and form.is_valid():
        try:
            token = actions.invite(actor, **form.cleaned_data)
            link = request.build_absolute_uri(reverse("officers:invitation", args=[token]))
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"form": form, "link": link, "days": actions.INVITED_FOR.days}
    return render(request, "officers/invite.html", page, status=422 if form.errors else 200)


@require_POST
def withdraw_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    email = actions.withdraw_invitation(actor_of(request), invitation_id)
    messages.success(request, f"The link for {email} opens nothing any more. Invite them anew for another.")
    return redirect("officers:list")


def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link: whoever has it sets the password of the account, once."""
    email, name, agency = queries.read_invitation(token)
    form = forms.PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.accept_invitation(token, form.cleaned_data["password"])
        messages.success(request, "Your account is made. Sign in, and add your second factor.")
        return redirect("account_login")
    page = {"form": form, "email": email, "name": name, "agency": agency}
    return render(request, "officers/invitation.html", page, status=422 if form.errors else 200)


def agency(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = forms.AgencyForm(request.POST or None, initial=queries.get_agency_values(actor))
    if request.method == "POST" and form.is_valid():
        actions.change_agency(actor, **form.cleaned_data)
        messages.success(request, "Your agency is changed.")
        return redirect("officers:list")
    page = {"form": form, "brought": queries.get_brought_notice()}
    return render(request, "officers/agency.html", page, status=422 if form.errors else 200)


@require_GET
def officer(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    return _officer(request, officer_id)


def _officer(request: HttpRequest, officer_id: UUID, **wrong: django_forms.Form) -> HttpResponse:
    found = queries.get_officer(actor_of(request), officer_id)
    initial = {"display_name": found.officer.name, "unit": found.officer.unit, "roles": list(found.role_names)}
    page: dict[str, Any] = {
        "found": found,
        "change": forms.OfficerForm(initial=initial, units=found.units),
        "certify": forms.CertificationForm(),
        "cover": forms.CoverForm(colleagues=found.colleagues),
        "end": forms.EndForm(colleagues=found.colleagues),
    }
    return render(request, "officers/detail.html", page | wrong, status=422 if wrong else 200)


def _act(
    request: HttpRequest, officer_id: UUID, name: str, form: django_forms.Form, act: Callable[..., object], said: str
) -> HttpResponse:
    """Do what a form of the officer's page asks; the page with the form where it is refused."""
    if form.is_valid():
        try:
            act(actor_of(request), officer_id, **form.cleaned_data)
            messages.success(request, said)
            return redirect("officers:detail", officer_id)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    return _officer(request, officer_id, **{name: form})


@require_POST
def change(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    form = forms.OfficerForm(request.POST, units=queries.list_units(actor_of(request)))
    return _act(
        request, officer_id, "change", form, actions.change_officer, "Changed; it holds from their next page on."
    )


@require_POST
def end(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    colleagues = queries.get_officer(actor_of(request), officer_id).colleagues
    form = forms.EndForm(request.POST, colleagues=colleagues)
    if form.is_valid():
        given = form.cleaned_data
        try:
            actions.end_account(actor_of(request), officer_id, reason=given["reason"], successor_id=given["successor"])
            undo = reverse("officers:open", args=[officer_id])
            messages.success(request, "The account and its sessions are ended.", extra_tags=f"undo:{undo}")
            return redirect("officers:detail", officer_id)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    return _officer(request, officer_id, end=form)


@require_POST
def open_again(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    actions.open_account(actor_of(request), officer_id)
    messages.success(request, "The account is open again. Work that was handed over stays where it went.")
    return redirect("officers:detail", officer_id)


@require_POST
def unlock(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    actions.unlock_account(actor_of(request), officer_id)
    messages.success(request, "The lock is off.")
    return redirect("officers:detail", officer_id)


@require_POST
def certify(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    form = forms.CertificationForm(request.POST)
    return _act(request, officer_id, "certify", form, actions.add_certification, "The certification is entered.")


@require_POST
def withdraw_certification(request: HttpRequest, certification_id: UUID) -> HttpResponse:
    officer_id = actions.withdraw_certification(actor_of(request), certification_id)
    undo = reverse("officers:recertify", args=[certification_id])
    messages.success(request, "The certification is withdrawn.", extra_tags=f"undo:{undo}")
    return redirect("officers:detail", officer_id)


@require_POST
def restore_certification(request: HttpRequest, certification_id: UUID) -> HttpResponse:
    officer_id = actions.restore_certification(actor_of(request), certification_id)
    messages.success(request, "The certification holds again.")
    return redirect("officers:detail", officer_id)


@require_POST
def cover(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    colleagues = queries.get_officer(actor_of(request), officer_id).colleagues
    form = forms.CoverForm(request.POST, colleagues=colleagues)

    def act(actor: Any, absent_id: UUID, *, by: UUID, **days: Any) -> None:
        actions.add_cover(actor, absent_id, by_id=by, **days)

    return _act(request, officer_id, "cover", form, act, "The absence is entered.")


@require_POST
def end_cover(request: HttpRequest, cover_id: UUID) -> HttpResponse:
    officer_id = actions.end_cover(actor_of(request), cover_id)
    messages.success(request, "The cover is ended. Enter it anew to go on with it.")
    return redirect("officers:detail", officer_id)


@require_GET
def review(request: HttpRequest) -> HttpResponse:
    return render(request, "officers/review.html", {"review": queries.get_review(actor_of(request))})


@require_POST
def keep(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    actions.keep_account(actor_of(request), officer_id)
    return redirect("officers:review")


@require_POST
def undo_keep(request: HttpRequest, officer_id: UUID) -> HttpResponse:
    actions.undo_keep(actor_of(request), officer_id)
    return redirect("officers:review")


@require_POST
def sign_review(request: HttpRequest) -> HttpResponse:
    actions.sign_review(actor_of(request))
    messages.success(request, "The review is signed. The next one opens in a year.")
    return redirect("officers:list")


@require_GET
def unassigned(request: HttpRequest) -> HttpResponse:
    return render(request, "officers/unassigned.html", {"found": queries.list_unassigned(actor_of(request))})


@require_POST
def assign(request: HttpRequest, reference: str) -> HttpResponse:
    form = forms.AssignForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose the colleague who takes the case.")
    actions.assign(actor_of(request), reference, form.cleaned_data["officer"])
    messages.success(request, f"{reference} is given out. They can hand it back from the case.")
    return redirect("officers:unassigned")

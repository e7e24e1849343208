"""Pages about an agency's identity provider, for its administrators: actor, query or form, action, render."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from opencets.errors import ActRefused, NotFound
from opencets_web.federation import actions, forms, queries
from opencets_web.federation.entrance_views import keep_state, reply_to
from opencets_web.officers.actions import require_role
from opencets_web.policy.middleware import actor_of


@require_GET
def providers(request: HttpRequest) -> HttpResponse:
    return render(request, "federation/list.html", {"rows": queries.list_providers(actor_of(request))})


def new_oidc(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require_role(actor, "administrator")
    form = forms.OidcForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.register_oidc(actor, **form.cleaned_data)
            messages.success(request, "Registered, and switched off. Enter these addresses there, then try it.")
            return redirect("federation:provider", made)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"form": form, "kind": "OpenID Connect"}
    return render(request, "federation/new.html", page, status=422 if form.errors else 200)


def new_saml(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require_role(actor, "administrator")
    form = forms.SamlForm(request.POST or None, request.FILES or None, registers=True)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.register_saml(actor, **form.cleaned_data)
            messages.success(request, "Registered, and switched off. Enter these addresses there, then try it.")
            return redirect("federation:provider", made)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    page = {"form": form, "kind": "SAML 2.0", "saml": True}
    return render(request, "federation/new.html", page, status=422 if form.errors else 200)


def provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """One provider: what it is to be told, how it stands, who is bound, and the form that changes it."""
    actor = actor_of(request)
    initial = queries.get_values(actor, provider_id)
    kind, change = (forms.SamlForm, actions.change_saml) if initial["saml"] else (forms.OidcForm, actions.change_oidc)
    form = kind(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            change(actor, provider_id, **form.cleaned_data)
            messages.success(request, "Changed. Try it again.")
            return redirect("federation:provider", provider_id)
        except NotFound:
            raise
        except ActRefused as refusal:
            form.add_error(None, refusal.sentence)
    found = queries.get_provider(actor, provider_id)
    page = {
        "found": found,
        "form": form,
        "rule": forms.RuleForm(initial={"rule": "only" if found.row.only else "also"}),
        "reply": reply_to(request, provider_id),
        "direct": request.build_absolute_uri(reverse("federation:begin", args=[provider_id])),
    }
    return render(request, "federation/provider.html", page, status=422 if form.errors else 200)


@require_GET
def try_it(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """To the provider and back, to see what it answers; nobody is signed in by it."""
    state, url = actions.begin_trial(actor_of(request), provider_id, reply_to(request, provider_id))
    keep_state(request, state)
    return redirect(url)


@require_POST
def switch_on(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    form = forms.RuleForm(request.POST)
    if not form.is_valid():
        raise ActRefused("Choose whether officers may also use their password.")
    actions.switch_on(actor_of(request), provider_id, only=form.cleaned_data["rule"] == "only")
    undo = reverse("federation:off", args=[provider_id])
    messages.success(request, "It is on.", extra_tags=f"undo:{undo}")
    return redirect("federation:provider", provider_id)


@require_POST
def switch_off(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    actions.switch_off(actor_of(request), provider_id)
    messages.success(request, "It is off. Sessions that it began go on until they end.")
    return redirect("federation:provider", provider_id)


@require_POST
def take_off(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    actions.take_off(actor_of(request), provider_id)
    undo = reverse("federation:put-back", args=[provider_id])
    messages.success(request, "It is taken off.", extra_tags=f"undo:{undo}")
    return redirect("federation:list")


@require_POST
def put_back(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    actions.put_back(actor_of(request), provider_id)
    messages.success(request, "It is back, switched off.")
    return redirect("federation:provider", provider_id)


@require_POST
def release(request: HttpRequest, binding_id: UUID) -> HttpResponse:
    provider_id = actions.release(actor_of(request), binding_id)
    undo = reverse("federation:bind-again", args=[binding_id])
    messages.success(request, "Released. At the next sign-in their address is looked at.", extra_tags=f"undo:{undo}")
    return redirect("federation:provider", provider_id)


@require_POST
def bind_again(request: HttpRequest, binding_id: UUID) -> HttpResponse:
    provider_id = actions.bind_again(actor_of(request), binding_id)
    messages.success(request, "The subject is this officer again.")
    return redirect("federation:provider", provider_id)

"""Pages and bytes of media: actor, query or form, action, render."""

from __future__ import annotations

import json
from dataclasses import asdict
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from opencets.errors import ActRefused, NotFound
from opencets_web.evidence.addresses import renewed
from opencets_web.media import actions, queries, serving
from opencets_web.media.forms import GalleryForm, HashSetForm, MaskForm, ReasonForm
from opencets_web.policy.middleware import actor_of

ORDER_KEPT_SECONDS = 30
"""How long the officer's own browser may keep how far a gallery goes: who comes back from a picture finds it there."""


def number_of(request: HttpRequest) -> int:
    """The page asked for; the first where it is no number."""
    given = request.GET.get("page", "")
    return int(given) if given.isdecimal() and len(given) < 9 else 1


@require_GET
def gallery(request: HttpRequest, reference: str) -> HttpResponse:
    form, shown = GalleryForm(request.GET), actions.shown_known(request.session)
    frame, found = queries.get_gallery(
        actor_of(request), reference, form.wanted(), after=request.GET.get("after", ""), shown=shown
    )
    form.fit(found)
    return render(request, "media/gallery.html", {"frame": frame, "found": found, "form": form})


@require_GET
def list_media(request: HttpRequest) -> HttpResponse:
    form, shown = GalleryForm(request.GET), actions.shown_known(request.session)
    found = queries.list_media(actor_of(request), form.wanted(), after=request.GET.get("after", ""), shown=shown)
    form.fit(found)
    return render(request, "media/list.html", {"found": found, "form": form})


@require_GET
def tiles(request: HttpRequest, reference: str = "") -> HttpResponse:
    """More tiles of a gallery, for the page's own script."""
    wanted, shown = GalleryForm(request.GET).wanted(), actions.shown_known(request.session)
    found = queries.get_tiles(actor_of(request), reference, wanted, after=request.GET.get("after", ""), shown=shown)
    return render(request, "media/tile_row.html", {"found": found})


@require_GET
def order(request: HttpRequest, reference: str = "") -> HttpResponse:
    """How far a gallery goes, for the page's own script."""
    found = queries.get_order(actor_of(request), reference, GalleryForm(request.GET).wanted())
    told = {**asdict(found), "per_page": queries.PAGE_SIZE}
    return JsonResponse(told, headers={"Cache-Control": f"private, max-age={ORDER_KEPT_SECONDS}"})


@require_GET
def show(request: HttpRequest, media_id: UUID) -> HttpResponse:
    wanted, shown = GalleryForm(request.GET).wanted(), actions.shown_known(request.session)
    in_case, large = request.GET.get("in") == "case", request.GET.get("show") == "original"
    medium = queries.get_media(
        actor_of(request), media_id, wanted, in_case=in_case, shown=shown, lifted=actions.lifted_masks(request.session),
        large=large,
    )  # fmt: skip
    return render(request, "media/show.html", {"medium": medium, "frame": medium.frame})


@require_GET
def thumbnail(request: HttpRequest, media_id: UUID) -> HttpResponseBase:
    shown, lifted = actions.shown_known(request.session), actions.lifted_masks(request.session)
    return serving.small_picture(
        *queries.open_thumbnail(actor_of(request), media_id, strip=False, shown=shown, lifted=lifted)
    )


@require_GET
def strip(request: HttpRequest, media_id: UUID) -> HttpResponseBase:
    shown, lifted = actions.shown_known(request.session), actions.lifted_masks(request.session)
    return serving.small_picture(
        *queries.open_thumbnail(actor_of(request), media_id, strip=True, shown=shown, lifted=lifted)
    )


@require_safe
def original(request: HttpRequest, media_id: UUID) -> HttpResponseBase:
    actor = actor_of(request)
    shown, lifted = actions.shown_known(request.session), actions.lifted_masks(request.session)
    media = queries.get_original(actor, media_id, shown=shown, lifted=lifted)
    actions.note_opened(actor, request.session, media)
    return serving.original(
        request,
        queries.open_original(media),
        size=media.file.size,
        media_type=media.media_type,
        name=media.file.name,
        sha256=media.sha256,
    )


@require_POST
def addresses(request: HttpRequest) -> HttpResponse:
    """New signatures for addresses of pictures that this session was given earlier; each is asked at the door when it is used."""
    try:
        given = [address for address in json.loads(request.body)["addresses"] if isinstance(address, str)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ActRefused("Addresses are renewed from a list of addresses.") from None
    return JsonResponse({"addresses": renewed(actor_of(request), given)})


@require_POST
def show_known(request: HttpRequest, media_id: UUID) -> HttpResponse:
    actions.show_known(actor_of(request), request.session, media_id)
    return redirect(f"{reverse('media:show', args=[media_id])}")


@require_POST
def describe(request: HttpRequest, media_id: UUID) -> HttpResponse:
    written = actions.describe(actor_of(request), media_id, request.POST.get("text", ""))
    undo = f"undo:{reverse('media:describe-undo', args=[written])}" if written else ""
    messages.success(request, "The words are kept. Colleagues read them in the place of the picture.", extra_tags=undo)
    return redirect("media:show", media_id)


@require_POST
def undo_description(request: HttpRequest, description_id: UUID) -> HttpResponse:
    media_id = actions.undo_description(actor_of(request), description_id)
    messages.success(request, "The words were taken back.")
    return redirect("media:show", media_id)


@require_POST
def draw_mask(request: HttpRequest, media_id: UUID) -> HttpResponse:
    mask_id = actions.draw_mask(actor_of(request), media_id, **MaskForm.read(request.POST))
    undo = f"undo:{reverse('media:mask-withdraw', args=[mask_id])}"
    messages.success(request, "It is covered for everybody, until somebody lifts it on purpose.", extra_tags=undo)
    return redirect("media:show", media_id)


@require_POST
def lift_masks(request: HttpRequest, media_id: UUID) -> HttpResponse:
    actions.lift_masks(actor_of(request), request.session, media_id)
    messages.info(request, "For ten minutes the masks are lifted for you. Each look counts.")
    return redirect("media:show", media_id)


@require_POST
def withdraw_mask(request: HttpRequest, mask_id: UUID) -> HttpResponse:
    media_id = actions.set_mask_withdrawn(actor_of(request), mask_id, withdrawn=True)
    undo = reverse("media:mask-restore", args=[mask_id])
    messages.success(request, "The mask was taken away.", extra_tags=f"undo:{undo}")
    return redirect("media:show", media_id) if media_id else redirect("media:list")


@require_POST
def restore_mask(request: HttpRequest, mask_id: UUID) -> HttpResponse:
    media_id = actions.set_mask_withdrawn(actor_of(request), mask_id, withdrawn=False)
    messages.success(request, "The mask is back.")
    return redirect("media:show", media_id) if media_id else redirect("media:list")


@require_POST
def expose(request: HttpRequest) -> HttpResponse:
    try:
        given = json.loads(request.body)
        reveals = [reveal for reveal in given["reveals"] if isinstance(reveal, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ActRefused("Exposures are counted from a list of reveals, each with id and milliseconds.") from None
    break_due = actions.count_exposures(actor_of(request), reveals)
    return HttpResponse(status=204, headers={"X-Exposure": "break"} if break_due else {})


@require_GET
def known(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = queries.list_hash_sets(actor, may_import=actions.may_import(actor), number=number_of(request))
    return render(request, "media/known.html", {"found": page})


def new_known(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if not actions.may_import(actor):
        raise NotFound
    form = HashSetForm(request.POST or None, request.FILES or None, older=queries.list_replaceable(actor))
    if request.method == "POST" and form.is_valid():
        actions.import_hash_set(actor, **form.given())
        messages.success(request, f"{form.cleaned_data['name']} is handed in; it is read and matched now.")
        return redirect("media:known")
    return render(request, "media/known_new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def withdraw(request: HttpRequest, hash_set_id: UUID) -> HttpResponse:
    name = actions.withdraw_hash_set(actor_of(request), hash_set_id)
    undo = reverse("media:known-restore", args=[hash_set_id])
    messages.success(request, f"{name} is withdrawn; its marks come off.", extra_tags=f"undo:{undo}")
    return redirect("media:known")


@require_POST
def restore(request: HttpRequest, hash_set_id: UUID) -> HttpResponse:
    name = actions.restore_hash_set(actor_of(request), hash_set_id)
    messages.success(request, f"{name} is in use again; what it names is marked again.")
    return redirect("media:known")


@require_GET
def hash_set(request: HttpRequest, hash_set_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    page = queries.get_hash_set(actor, hash_set_id, may_import=actions.may_import(actor))
    return render(request, "media/hash_set.html", {"found": page})


@require_GET
def quarantine(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = queries.list_held(actor, may_import=actions.may_import(actor), number=number_of(request))
    return render(request, "media/quarantine.html", {"found": page})


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return form.cleaned_data["reason"] if form.is_valid() else ""


@require_POST
def release_held(request: HttpRequest, held_id: UUID) -> HttpResponse:
    actions.release_held(actor_of(request), held_id, _reason(request))
    undo = reverse("media:held-hold-again", args=[held_id])
    messages.success(request, "Released: it marks again what it names.", extra_tags=f"undo:{undo}")
    return redirect("media:quarantine")


@require_POST
def reject_held(request: HttpRequest, held_id: UUID) -> HttpResponse:
    actions.reject_held(actor_of(request), held_id, _reason(request))
    undo = reverse("media:held-hold-again", args=[held_id])
    messages.success(request, "Rejected: it marks nothing any more.", extra_tags=f"undo:{undo}")
    return redirect("media:quarantine")


@require_POST
def hold_again(request: HttpRequest, held_id: UUID) -> HttpResponse:
    actions.hold_again(actor_of(request), held_id)
    messages.success(request, "Taken back: it is held back until somebody decides.")
    return redirect("media:quarantine")


@require_POST
def vote(request: HttpRequest, media_id: UUID) -> HttpResponse:
    confirms = request.POST.get("confirms") == "yes"
    given = actions.vote_on_known(actor_of(request), media_id, confirms=confirms, reason=_reason(request))
    said = "Confirmed: the list is right about this file." if confirms else "Noted, with your reason."
    undo = reverse("media:vote-withdraw", args=[given])
    messages.success(request, said, extra_tags=f"undo:{undo}")
    return redirect("media:show", media_id)


@require_POST
def withdraw_vote(request: HttpRequest, vote_id: UUID) -> HttpResponse:
    actions.withdraw_vote(actor_of(request), vote_id)
    messages.success(request, "Your vote is taken back.")
    return redirect("media:known")

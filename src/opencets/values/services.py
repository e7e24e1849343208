"""Services under one name each, and the addresses of their profiles. Not a kind itself."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused

_NAMES = {
    "instagram": "ig insta instagram.com",
    "facebook": "fb facebook.com meta_facebook",
    "messenger": "facebook_messenger fb_messenger",
    "twitter": "x x.com twitter.com twitter/x x/twitter x_(twitter)",
    "snapchat": "snap sc snapchat.com",
    "telegram": "tg t.me telegram.me telegram.org",
    "whatsapp": "wa whats_app whatsapp.com",
    "discord": "discordapp discord.com discordapp.com",
    "kik": "kik_messenger kik.com",
    "tiktok": "tik_tok tiktok.com",
    "youtube": "yt youtube.com",
    "reddit": "reddit.com",
    "skype": "skype.com",
    "signal": "signal.org",
    "wickr": "wickr_me",
    "viber": "",
    "line": "line.me",
    "wechat": "weixin",
    "vk": "vkontakte vk.com",
    "ok": "odnoklassniki ok.ru",
    "steam": "steamcommunity.com",
    "roblox": "roblox.com",
    "minecraft": "",
    "xbox": "xbox_live xboxlive",
    "playstation": "psn playstation_network",
    "twitch": "twitch.tv",
    "omegle": "",
    "icq": "",
    "aim": "aol_instant_messenger",
    "irc": "",
    "matrix": "element",
    "threema": "",
    "session": "",
    "tumblr": "tumblr.com",
    "pinterest": "pinterest.com",
    "flickr": "flickr.com",
    "google": "google.com google_account",
    "apple": "apple_id icloud",
    "microsoft": "microsoft_account live.com",
    "yahoo": "yahoo_messenger yahoo.com",
    "fediverse": "mastodon",
    "bereal": "",
    "meetme": "",
    "bumble": "",
    "tinder": "",
    "grindr": "",
    "badoo": "",
    "imo": "",
    "github": "github.com",
    "paypal": "paypal.com paypal.me pp",
    "cashapp": "cash_app cash.app square_cash cashtag $cashtag",
    "venmo": "venmo.com",
    "zelle": "",
    "revolut": "revolut.me revolut.com",
    "wise": "transferwise wise.com",
    "skrill": "moneybookers",
    "alipay": "",
    "pix": "",
    "mpesa": "m-pesa",
    "unknown": "",
}
SERVICES = {alias: name for name, aliases in _NAMES.items() for alias in (name, *aliases.split())}
"""Written form (casefolded, spaces as underscores) -> the one name used in values."""

# Host -> (service, pattern of the path). Only the part that names the account is read.
_PROFILES = {
    "instagram.com": ("instagram", r"/([a-z0-9_.]{1,30})/?"),
    "facebook.com": ("facebook", r"/([a-z0-9.]{5,50})/?"),
    "twitter.com": ("twitter", r"/([a-z0-9_]{1,15})/?"),
    "x.com": ("twitter", r"/([a-z0-9_]{1,15})/?"),
    "t.me": ("telegram", r"/([a-z0-9_]{4,32})/?"),
    "tiktok.com": ("tiktok", r"/@([a-z0-9_.]{2,24})/?"),
    "snapchat.com": ("snapchat", r"/add/([a-z0-9_.-]{3,15})/?"),
    "reddit.com": ("reddit", r"/(?:u|user)/([a-z0-9_-]{3,20})/?"),
    "youtube.com": ("youtube", r"/@([a-z0-9_.-]{3,30})/?"),
    "twitch.tv": ("twitch", r"/([a-z0-9_]{3,25})/?"),
    "vk.com": ("vk", r"/([a-z0-9_.]{3,32})/?"),
    "github.com": ("github", r"/([a-z0-9-]{1,39})/?"),
    "paypal.me": ("paypal", r"/([a-z0-9]{1,20})/?"),
    "cash.app": ("cashapp", r"/\$?([a-z0-9_-]{1,20})/?"),
    "venmo.com": ("venmo", r"/(?:u/)?([a-z0-9_-]{5,30})/?"),
    "revolut.me": ("revolut", r"/([a-z0-9_]{3,30})/?"),
}
# Paths on the same hosts that are pages of the service and not accounts.
_PAGES = frozenset(
    [
        "p", "reel", "reels", "stories", "explore", "home", "login", "signup", "share", "sharer.php", "watch", "groups",
        "pages", "events", "photo.php", "profile.php", "hashtag", "search", "i", "intent", "settings", "about", "help",
        "terms", "privacy", "joinchat", "story.php",
    ]
)  # fmt: skip


def service_name(written: str) -> str:
    """The one name of a service, for example ``Insta`` -> ``instagram``.

    An unlisted service keeps its own name, casefolded.
    """
    key = re.sub(r"\s+", "_", written.strip().casefold())
    key = key.removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
    name = SERVICES.get(key, key.replace(":", "_").replace("|", "_"))
    if not name:
        raise ValueRefused("The name of the service is empty.")
    if len(name) > 64:
        raise ValueRefused(f"The name of the service is {len(name)} characters long, more than 64.")
    return name


def is_service(written: str) -> bool:
    """Whether the service is one of the list."""
    return re.sub(r"\s+", "_", written.strip().casefold()) in SERVICES


def profile_in(address: str) -> tuple[str, str] | None:
    """(service, account name) if ``address`` is the web address of a profile of a known service, else None."""
    found = re.fullmatch(
        r"(?:https?://)?(?:www\.|m\.)?([a-z0-9.-]{3,40})(/[^?#\s]{1,100})(?:[?#]\S{0,2000})?", address, re.IGNORECASE
    )
    if not found:
        return None
    known = _PROFILES.get(found[1].lower())
    if known is None:
        return None
    account = re.fullmatch(known[1], found[2].lower())
    if account is None or account[1] in _PAGES:
        return None
    return known[0], account[1]

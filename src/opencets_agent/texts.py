"""The words of the notice, in the languages that it speaks; an order in another language is told in English."""

from __future__ import annotations

from opencets.packing.order import Condition, Order
from opencets_agent.collectors import DECLARATIONS

_WORDS = {
    "en": {
        "bar": "This computer is watched under {reference} until {until}.",
        "who": "{service}, by order of {court}, watches what {person} does on this computer.",
        "policy": "{service} watches what {person} does on this computer, under its published policy ({reference}).",
        "what": "Recorded: {what}.",
        "whom": "Questions and complaints: {complaint}",
        "click": "Click here to read all of it",
        "close": "Click to close",
        "paused": "Nothing is recorded now: {why}.",
        "title": "What is recorded on this computer",
        "from": "From {begins} to {until}. After that nothing is recorded, and this program ends by itself.",
        "says": "The order says: {words}",
        "others": "Who else uses this computer and was told: {others}.",
        "nobody": "No other user of this computer is named. Whoever else uses it must know that it is watched.",
        "condition": "Condition {ref}: {words}",
        "kept": "Kept of a find: {around} characters before and after; picture: {picture}. Kept for {days} days.",
        "none": "none", "window": "the window", "masked": "the screen, all but the window black",
        "screen": "the whole screen, excluded windows black",
        "never": "Never recorded under it: {never}.",
        "nothing": "nothing is excluded by name",
        "passwords": "Never recorded: passwords, keys pressed, sound, camera. No content of a file leaves this computer.",
        "sealed": "What is recorded is sealed for {service} and sent to {server}.",
        "takes": "takes", "nevers": "never",
    },
    "fr": {
        "bar": "Cet ordinateur est surveillé selon {reference} jusqu’au {until}.",
        "who": "{service}, par ordre de {court}, surveille ce que {person} fait sur cet ordinateur.",
        "policy": "{service} surveille ce que {person} fait sur cet ordinateur, selon son règlement publié ({reference}).",
        "what": "Enregistré : {what}.",
        "whom": "Questions et plaintes : {complaint}",
        "click": "Cliquez ici pour tout lire",
        "close": "Cliquez pour fermer",
        "paused": "Rien n’est enregistré en ce moment : {why}.",
        "title": "Ce qui est enregistré sur cet ordinateur",
        "from": "Du {begins} au {until}. Ensuite rien n’est enregistré et ce programme s’arrête de lui-même.",
        "says": "L’ordre dit : {words}",
        "others": "Autres utilisateurs de cet ordinateur, informés : {others}.",
        "nobody": "Aucun autre utilisateur n’est nommé. Quiconque l’utilise doit savoir qu’il est surveillé.",
        "condition": "Condition {ref} : {words}",
        "kept": "Conservé d’une trouvaille : {around} caractères avant et après ; image : {picture}. Conservé {days} jours.",
        "none": "aucune", "window": "la fenêtre", "masked": "l’écran, tout noirci sauf la fenêtre",
        "screen": "tout l’écran, fenêtres exclues noircies",
        "never": "Jamais enregistré à ce titre : {never}.",
        "nothing": "rien n’est exclu nommément",
        "passwords": "Jamais enregistrés : mots de passe, touches, son, caméra. Aucun contenu de fichier ne quitte cet ordinateur.",
        "sealed": "Ce qui est enregistré est scellé pour {service} et envoyé à {server}.",
        "takes": "prend", "nevers": "jamais",
    },
    "de": {
        "bar": "Dieser Computer wird nach {reference} bis {until} überwacht.",
        "who": "{service} überwacht auf Anordnung von {court}, was {person} an diesem Computer tut.",
        "policy": "{service} überwacht nach veröffentlichter Regel ({reference}), was {person} an diesem Computer tut.",
        "what": "Aufgezeichnet: {what}.",
        "whom": "Fragen und Beschwerden: {complaint}",
        "click": "Hier klicken, um alles zu lesen",
        "close": "Klicken zum Schließen",
        "paused": "Jetzt wird nichts aufgezeichnet: {why}.",
        "title": "Was auf diesem Computer aufgezeichnet wird",
        "from": "Von {begins} bis {until}. Danach wird nichts aufgezeichnet, und dieses Programm endet von selbst.",
        "says": "Die Anordnung sagt: {words}",
        "others": "Wer diesen Computer sonst benutzt und es weiß: {others}.",
        "nobody": "Sonst ist niemand genannt. Wer ihn sonst benutzt, muss wissen, dass er überwacht wird.",
        "condition": "Auflage {ref}: {words}",
        "kept": "Von einem Fund bleiben {around} Zeichen davor und danach; Bild: {picture}. Aufbewahrt {days} Tage.",
        "none": "keines", "window": "das Fenster", "masked": "der Bildschirm, alles außer dem Fenster schwarz",
        "screen": "der ganze Bildschirm, Ausgenommenes schwarz",
        "never": "Dabei nie aufgezeichnet: {never}.",
        "nothing": "nichts ist namentlich ausgenommen",
        "passwords": "Nie aufgezeichnet: Passwörter, Tasten, Ton, Kamera. Kein Inhalt einer Datei verlässt diesen Computer.",
        "sealed": "Was aufgezeichnet wird, ist für {service} versiegelt und geht an {server}.",
        "takes": "nimmt", "nevers": "nie",
    },
}  # fmt: skip


def words_of(order: Order) -> dict[str, str]:
    """The words in the order's language."""
    return _WORDS.get(order.language[:2].lower(), _WORDS["en"])


def bar_of(order: Order, paused: str = "") -> tuple[str, str, str]:
    """The three lines of the notice: who watches and until when, what is recorded, whom to ask."""
    words = words_of(order)
    first = words["bar"].format(reference=order.reference, until=order.local(order.ends_at))
    what = ", ".join(DECLARATIONS[name].labelled(order.language[:2].lower()) for name in order.collectors())
    second = words["paused"].format(why=paused) if paused else words["what"].format(what=what)
    return f"{first} {order.service}, {order.court}", second, words["whom"].format(complaint=order.complaint)


def page_of(order: Order) -> str:
    """All that the person and who else uses the computer must know, as text."""
    words = words_of(order)
    language = order.language[:2].lower()
    named = {"service": order.service, "court": order.court, "person": order.person.name, "reference": order.reference}
    lines = [
        words["title"].upper(),
        "",
        words["who" if order.setting == "court" else "policy"].format(**named),
        words["bar"].format(reference=order.reference, until=order.local(order.ends_at)),
        words["from"].format(begins=order.local(order.begins_at), until=order.local(order.ends_at)),
        words["says"].format(words=order.words),
        words["others"].format(others=", ".join(order.co_users)) if order.co_users else words["nobody"],
    ]
    for condition in order.conditions:
        lines += ["", *_condition(condition, words, language)]
    lines += [
        "",
        words["passwords"],
        words["sealed"].format(service=order.service, server=order.server),
        words["whom"].format(complaint=order.complaint),
    ]
    return "\n".join(lines)


def _condition(condition: Condition, words: dict[str, str], language: str) -> list[str]:
    excluded = condition.excluded
    hours = [f"{', '.join(one.days)} {one.from_} – {one.to}" for one in excluded.hours]
    never = "; ".join([*excluded.programs, *excluded.sites, *excluded.people, *hours])
    kept = condition.captures
    return [
        words["condition"].format(ref=condition.ref, words=condition.words),
        *(f"  • {DECLARATIONS[name].labelled(language)}" for name in condition.collectors),
        "  "
        + words["kept"].format(around=kept.text_around, picture=words[kept.screenshot], days=condition.retention_days),
        "  " + words["never"].format(never=never or words["nothing"]),
    ]
